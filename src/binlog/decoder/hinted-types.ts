import type { ColumnTypeHint } from './table-map.ts';

/**
 * The text that a SELECT gives for MariaDB's types that are binary strings in the binlog, from as many bytes as the
 * type has. The binlog holds a UUID in the order of its text, whatever its version, though tables store it in
 * another (seen on MariaDB 10.11).
 */
export const HINTED: Readonly<Record<ColumnTypeHint, (bytes: Uint8Array) => string>> = {
  uuid: formatUuid,
  inet4: (bytes) => bytes.join('.'),
  inet6: formatInet6,
};

/** Bytes of a value of these types. */
export const HINTED_BYTES: Readonly<Record<ColumnTypeHint, number>> = { uuid: 16, inet4: 4, inet6: 16 };

function formatUuid(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/**
 * The longest run of zero words, be it a single one, is `::`; the last two words are an IPv4 address behind six
 * zero words, or five and ffff.
 *
 * Source: MariaDB, plugin/type_inet/sql_type_inet.cc, Inet6::to_string.
 */
function formatInet6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, at) => (bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0));
  const gap = longestZeroRun(words);
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  if (gap.length === 0) return hex(0, 8);
  const ipv4 = gap.start === 0 && (gap.length === 6 || (gap.length === 5 && words[5] === 0xffff));
  if (ipv4) return `::${gap.length === 5 ? 'ffff:' : ''}${bytes.subarray(12).join('.')}`;
  return `${hex(0, gap.start)}::${hex(gap.start + gap.length, 8)}`;
}

/** The first of the longest. */
function longestZeroRun(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [at, word] of words.entries()) {
    if (word !== 0) start = at + 1;
    else if (at + 1 - start > best.length) best = { start, length: at + 1 - start };
  }
  return best;
}
