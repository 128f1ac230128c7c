/** Collation id to the name of its character set, as the server lists them. */
export type CollationCharsets = ReadonlyMap<number, string>;

/** Turns a text column's bytes into a string; undefined when it cannot be told which one a SELECT gives. */
export type TextReader = (buffer: Buffer, start: number, end: number) => string | undefined;

/**
 * MySQL's character sets by their WHATWG encoding names, and the characters that the encoding gives for bytes for which
 * the server has another one, or none: a value that holds one is not decoded. What is not here is never decoded: a rule that needs
 * such a value widens to its scope. MySQL's latin1 is windows-1252. Its ujis and eucjpms differ in thousands.
 *
 * The differences are those of every character of the basic plane (MySQL 9.7, MariaDB 10.11); test/integration/charsets.test.ts
 * compares all of them.
 */
const ENCODINGS: Readonly<Record<string, readonly [label: string, doubtful?: string]>> = {
  latin1: ['windows-1252'],
  latin2: ['iso-8859-2'],
  latin5: [
    'windows-1254',
    '\u0152-\u0153\u0160-\u0161\u0178\u0192\u02c6\u02dc\u2013-\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039-\u203a\u20ac\u2122',
  ],
  latin7: ['iso-8859-13'],
  greek: ['iso-8859-7', '\u037a\u2018-\u2019\u20ac\u20af\ufffd'],
  hebrew: ['iso-8859-8', '\u00af\ufffd'],
  cp1250: ['windows-1250', '\u0081\u0083\u0088\u0090\u0098'],
  cp1251: ['windows-1251', '\u0098'],
  cp1256: ['windows-1256', '\u0679\u0688\u0691\u06a9\u06ba\u06be\u06c1\u06d2'],
  cp1257: ['windows-1257', '\u0081\u0083\u0088\u008a\u008c\u0090\u0098\u009a\u009c\u009f\ufffd'],
  cp866: ['ibm866', '\u00a4\u2116'],
  koi8r: ['koi8-r'],
  koi8u: ['koi8-u', '\u040e\u045e\u2219'],
  tis620: ['windows-874', '\u00a0\u2013-\u2014\u2018-\u2019\u201c-\u201d\u2022\u2026\u20ac'],
  sjis: ['shift_jis', '\u001a\u001c\u007f\u2225\uff0d\uff3c\uff5e\uffe0-\uffe2'],
  cp932: ['shift_jis', '\u001a\u001c\u007f'],
  euckr: ['euc-kr', '\u0080-\u009f\ufffd'],
  big5: ['big5', '\u00af\u2027\u2215\u2295\u2299\u5345\uf6b1-\uf7a9\ufe51\ufe68\uff5e\uffe0-\uffe1\uffe5'],
  gb2312: ['gbk', '\u00b7\u2014'],
  gbk: ['gbk'],
  gb18030: ['gb18030', '\u3000\u9fb4-\u9fbb\ufe10-\ufe19'],
  ucs2: ['utf-16be'],
  utf16: ['utf-16be'],
  utf16le: ['utf-16le'],
};

const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);

const readUtf8: TextReader = (buffer, start, end) => buffer.toString('utf8', start, end);

/** The reader for a character set; undefined for binary and for what cannot be decoded exactly. */
export function textReader(charset: string | undefined): TextReader | undefined {
  if (charset === undefined) return undefined;
  if (UTF8.has(charset)) return readUtf8;
  const [label, doubtful] = ENCODINGS[charset] ?? [];
  if (label === undefined) return undefined;
  const decoder = new TextDecoder(label, { ignoreBOM: true });
  const decode = (buffer: Buffer, start: number, end: number): string =>
    decoder.decode(buffer.subarray(start, end));
  // Two bytes a character: no ASCII, and no differences.
  if (label.startsWith('utf-16')) return decode;
  const doubt = doubtful === undefined ? undefined : new RegExp(`[${doubtful}]`);
  return (buffer, start, end) => {
    // Not only faster: Shift_JIS decoders exchange control characters.
    if (isAscii(buffer, start, end)) return buffer.toString('latin1', start, end);
    const text = decode(buffer, start, end);
    return doubt?.test(text) === true ? undefined : text;
  };
}

function isAscii(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if ((buffer[at] ?? 0) > 0x7f) return false;
  return true;
}
