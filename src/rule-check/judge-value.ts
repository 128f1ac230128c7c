import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { equality, parseConstant } from '../mapping/condition-constant.ts';
import { compareDecimals, parseDecimal } from '../mapping/condition-decimal.ts';
import type { Decimal } from '../mapping/condition-decimal.ts';
import { parseTemporal } from '../mapping/condition-temporal.ts';

/**
 * What the type of a column says of a constant: `never`: no value is equal to it; `unclear`: it cannot be compared, so that every
 * value passes for equal. `because` follows the type's name, as in `INT, and 1.5 is no integer`.
 */
export interface ValueJudgement {
  readonly holds: 'never' | 'unclear';
  readonly because: string;
}

/** What else the judgement depends on. */
export interface ServerLimits {
  /** The latest TIMESTAMP. */
  readonly latestTimestamp: string;
}

/** Bytes of the integer types. */
const INTEGERS: ReadonlyMap<string, number> = new Map([
  ['tinyint', 1],
  ['smallint', 2],
  ['mediumint', 3],
  ['int', 4],
  ['bigint', 8],
]);

/** In characters; in a character set of one byte for each. */
const TEXT_LENGTHS: ReadonlyMap<string, number> = new Map([
  ['tinytext', 255],
  ['text', 65_535],
]);

/** The numbers of a column's type, from the lowest to the highest; undefined if it holds no numbers, or approximate ones. */
export function numberRange(column: ColumnFacts): readonly [Decimal, Decimal] | undefined {
  const { dataType, columnType } = column;
  const isUnsigned = /\bunsigned\b/i.test(columnType);
  const bytes = INTEGERS.get(dataType);
  if (bytes !== undefined) {
    const bits = BigInt(bytes * 8);
    return isUnsigned
      ? [decimal('0'), decimal(String(2n ** bits - 1n))]
      : [decimal(String(-(2n ** (bits - 1n)))), decimal(String(2n ** (bits - 1n) - 1n))];
  }
  if (dataType === 'year') return [decimal('0'), decimal('2155')];
  const digits = decimalDigits(column);
  if (digits === undefined) return undefined;
  const highest = `${'9'.repeat(digits.whole) || '0'}.${'9'.repeat(digits.fraction) || '0'}`;
  return [decimal(isUnsigned ? '0' : `-${highest}`), decimal(highest)];
}

/** Undefined if a value of the column can be equal to the constant. */
export function judgeValue(
  column: ColumnFacts,
  text: string,
  limits: ServerLimits,
): ValueJudgement | undefined {
  switch (column.dataType) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'year':
      return judgeInteger(column, text);
    case 'decimal':
      return judgeDecimal(column, text);
    case 'enum':
      return judgeMember(column, text);
    case 'set':
      return judgeSet(column, text);
    case 'date':
    case 'datetime':
    case 'timestamp':
    case 'time':
      return judgeTemporal(column, text, limits);
    default:
      return judgeLength(column, text);
  }
}

/** The values that an ENUM or a SET allows, in their order; none of other types. */
export function membersOf({ columnType }: ColumnFacts): string[] {
  if (!/^(?:enum|set)\s*\(/i.test(columnType)) return [];
  return Array.from(columnType.matchAll(/'((?:[^']|'')*)'/g), ([, member = '']) =>
    member.replaceAll("''", "'"),
  );
}

function judgeInteger(column: ColumnFacts, text: string): ValueJudgement | undefined {
  const number = parseConstant(text).decimal;
  if (number === undefined) return unclear(`${text} is no number`);
  if (number.digits.length > number.point && number.sign !== 0) return never(`${text} is no integer`);
  return judgeRange(column, text, number);
}

function judgeDecimal(column: ColumnFacts, text: string): ValueJudgement | undefined {
  const number = parseConstant(text).decimal;
  if (number === undefined) return never(`${text} is no number`);
  const digits = decimalDigits(column);
  if (digits !== undefined && number.digits.length - number.point > digits.fraction) {
    return never(`${text} has more decimals`);
  }
  return judgeRange(column, text, number);
}

function judgeRange(column: ColumnFacts, text: string, number: Decimal): ValueJudgement | undefined {
  const range = numberRange(column);
  if (range === undefined) return undefined;
  const [lowest, highest] = range;
  const isOutside = compareDecimals(number, lowest) < 0 || compareDecimals(number, highest) > 0;
  const isNoYear =
    column.dataType === 'year' && number.sign !== 0 && compareDecimals(number, decimal('1901')) < 0;
  return isOutside || isNoYear ? never(`${text} is outside of its range`) : undefined;
}

function judgeMember(column: ColumnFacts, text: string): ValueJudgement | undefined {
  const members = membersOf(column);
  const constant = parseConstant(text);
  if (members.some((member) => equality(member, constant) !== 'different')) return undefined;
  return never(`${text} is none of its values${suggestion(text, members)}`);
}

/** A SET is the text of its members in the order of the definition, with commas. */
function judgeSet(column: ColumnFacts, text: string): ValueJudgement | undefined {
  if (text === '') return undefined;
  const members = membersOf(column);
  let last = -1;
  for (const part of text.split(',')) {
    const constant = parseConstant(part);
    const index = members.findIndex((member) => equality(member, constant) !== 'different');
    if (index === -1) return never(`${part} is none of its values${suggestion(part, members)}`);
    if (index <= last) return never(`its values stand in the order of the definition: ${members.join(',')}`);
    last = index;
  }
  return undefined;
}

function suggestion(text: string, members: readonly string[]): string {
  const near = nearestName(text, members);
  return near === undefined ? '' : `, of which ${near} is the nearest`;
}

function judgeTemporal(column: ColumnFacts, text: string, limits: ServerLimits): ValueJudgement | undefined {
  const temporal = parseTemporal(text);
  const { dataType } = column;
  if (temporal === undefined) {
    const why = `${text} is no date or time as MySQL prints them`;
    return /^\s*[+-]?\d/.test(text) ? unclear(why) : never(why);
  }
  if ((temporal.kind === 'time') !== (dataType === 'time')) {
    return unclear(`${text} is ${temporal.kind === 'time' ? 'a time of day' : 'a date'}`);
  }
  const digits = Number(/\((\d)\)/.exec(column.columnType)?.[1] ?? '0');
  if (temporal.kind === 'time') {
    if (Math.abs(temporal.micros) > LONGEST_TIME) return never(`${text} is outside of its range`);
    return temporal.micros % 10 ** (6 - digits) === 0 ? undefined : never(`${text} has more decimals`);
  }
  const [day = '', time = ''] = temporal.text.split(' ');
  if (dataType === 'date' && time !== MIDNIGHT) return never(`${text} has a time of day`);
  if (!/^0*$/.test(time.slice('00:00:00.'.length + digits))) return never(`${text} has more decimals`);
  if (!exists(day, time)) return never(`${text} is no day or time of the calendar`);
  const isZero = day === '0000-00-00';
  if (dataType === 'timestamp' && !isZero && isOutsideOfTimestamps(temporal.text, limits)) {
    return never(`${text} is outside of its range`);
  }
  return undefined;
}

const MIDNIGHT = '00:00:00.000000';
/** 838:59:59, in microseconds. */
const LONGEST_TIME = (838 * 3600 + 59 * 60 + 59) * 1e6;
/** TIMESTAMP 0 is no moment. */
const EARLIEST_TIMESTAMP = '1970-01-01 00:00:01';

function isOutsideOfTimestamps(text: string, { latestTimestamp }: ServerLimits): boolean {
  return text < EARLIEST_TIMESTAMP || text.slice(0, latestTimestamp.length) > latestTimestamp;
}

/** MySQL allows zeros for what is not known of a date. */
function exists(day: string, time: string): boolean {
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
  const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number);
  if (month > 12 || hour > 23 || minute > 59 || second >= 60) return false;
  const days = month === 0 ? 31 : new Date(Date.UTC(year === 0 ? 2000 : year, month, 0)).getUTCDate();
  return date <= days;
}

function judgeLength(column: ColumnFacts, text: string): ValueJudgement | undefined {
  const declared = /^(?:var)?char\((\d+)\)/i.exec(column.columnType)?.[1];
  const most = declared === undefined ? TEXT_LENGTHS.get(column.dataType) : Number(declared);
  if (most === undefined || Array.from(text.trimEnd()).length <= most) return undefined;
  const shown = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  return never(`${shown} is longer`);
}

function decimalDigits({
  dataType,
  columnType,
}: ColumnFacts): { readonly whole: number; readonly fraction: number } | undefined {
  if (dataType !== 'decimal') return undefined;
  const [, precision = '10', fraction = '0'] = /\((\d+)(?:,(\d+))?\)/.exec(columnType) ?? [];
  return { whole: Number(precision) - Number(fraction), fraction: Number(fraction) };
}

function decimal(text: string): Decimal {
  return parseDecimal(text) ?? { sign: 0, digits: '', point: 0 };
}

function never(because: string): ValueJudgement {
  return { holds: 'never', because };
}

function unclear(because: string): ValueJudgement {
  return { holds: 'unclear', because };
}
