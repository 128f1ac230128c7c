import type { StreamLine } from './daemon-stream.ts';

/** A line of the stream for people; undefined for a sign of life. */
export function formatTailLine(line: StreamLine): string | undefined {
  if ('heartbeat' in line) return undefined;
  const at = field(line, 'at').replace(/^.*T/, '');
  if ('dropped' in line)
    return `${at}  ${field(line, 'dropped')} lines were dropped: they came faster than they were read`;
  const what = field(line, 'key') || field(line, 'pattern');
  const result = field(line, 'result').replace('_', ' ');
  const lag = 'lag_ms' in line ? `${field(line, 'lag_ms')} ms` : '';
  const parts = [
    at,
    field(line, 'kind').padEnd(10),
    what,
    result,
    field(line, 'reason'),
    lag,
    field(line, 'rule'),
  ];
  return parts.filter((part) => part.trim() !== '').join('  ');
}

function field(line: StreamLine, name: string): string {
  const value = line[name];
  return typeof value === 'string' || typeof value === 'number' ? printable(String(value)) : '';
}

/** Keys come from rows: what would move the cursor or colour a terminal is spelled out. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
