declare const brand: unique symbol;

/**
 * A row's version as text that compares as the versions do: 20 decimal digits and a rank, or what
 * `binlogVersion` gives. Tokens of the two kinds differ in length and do not compare.
 */
export type VersionToken = string & { readonly [brand]: 'version' };

/**
 * What a change did: at the same version a deleted row comes after a row that is there. Thereby a deletion at `v`
 * refuses a refill at `v`, and a row that is inserted again above `v` passes.
 */
export type VersionRank = 'row' | 'deleted';

const DIGITS = 20;
const LARGEST = 10n ** BigInt(DIGITS) - 1n;
const DATETIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z?$/;

/**
 * The token of a version column's value: a whole number that is not negative, as a number (up to 2^53), a bigint or
 * decimal digits, or a date and time in UTC as `2026-01-31 12:00:00.123456`. Undefined for what is none of these.
 */
export function rowVersion(
  value: string | number | bigint | Date | Uint8Array | null | undefined,
  rank: VersionRank = 'row',
): VersionToken | undefined {
  // Most are whole numbers, whose digits are at hand: no bigint is made for them.
  const digits = digitsOf(value);
  if (digits !== undefined) return token(digits.padStart(DIGITS, '0') + (rank === 'row' ? '0' : '1'));
  const number = toInteger(value);
  if (number === undefined || number < 0n || number > LARGEST) return undefined;
  return token(number.toString().padStart(DIGITS, '0') + (rank === 'row' ? '0' : '1'));
}

/** Where a change stands among all changes that one daemon has seen. */
export interface BinlogOrder {
  /** Grows whenever the server that the binlog comes from is another one. */
  readonly epoch: number;
  /** E.g. `binlog.000042`. */
  readonly file: string;
  /** Of the transaction, bytes; unwrapped in files over 4 GiB. */
  readonly offset: number;
  /** Of the row in its transaction. */
  readonly ordinal: number;
}

/** The token of a change by its place in the binlog. Undefined if the file has no number. */
export function binlogVersion(
  { epoch, file, offset, ordinal }: BinlogOrder,
  rank: VersionRank = 'row',
): VersionToken | undefined {
  const number = /\.(\d{1,10})$/.exec(file)?.[1];
  if (number === undefined) return undefined;
  const parts = [fixed(epoch, 8), number.padStart(10, '0'), fixed(offset, 16), fixed(ordinal, 12)];
  return token(parts.join('') + (rank === 'row' ? '0' : '1'));
}

function fixed(number: number, width: number): string {
  return number.toString().padStart(width, '0');
}

const WHOLE = /^\d{1,20}$/;

function digitsOf(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined;
  return typeof value === 'string' && WHOLE.test(value) ? value : undefined;
}

function toInteger(value: Parameters<typeof rowVersion>[0]): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (value instanceof Date) return toInteger(value.getTime() * 1000);
  if (typeof value !== 'string') return undefined;
  return microsOf(value);
}

function microsOf(text: string): bigint | undefined {
  const match = DATETIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  // MySQL's zero dates are no time.
  if (!year || !month || !day) return undefined;
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  return BigInt(ms) * 1000n + BigInt((match[7] ?? '').padEnd(6, '0'));
}

function token(text: string): VersionToken {
  return text as VersionToken;
}
