import { compareDecimals, parseDecimal } from './condition-decimal.ts';
import type { Decimal } from './condition-decimal.ts';
import { compareTemporals, parseTemporal } from './condition-temporal.ts';
import type { Temporal } from './condition-temporal.ts';
import { areSimilarTexts } from './condition-text.ts';

/** A value of a condition, read in every way that the values of a column may ask for. */
export interface Constant {
  readonly text: string;
  /** `true` and `false` are 1 and 0 as well. */
  readonly decimal: Decimal | undefined;
  /** The double nearest to `decimal`. */
  readonly double: number;
  /** `double` is `decimal`, and an integer that doubles tell from its neighbours. */
  readonly isInteger: boolean;
  readonly temporal: Temporal | undefined;
}

/** `similar`: equal or not, which depends on the type or the collation of the column. */
export type Equality = 'equal' | 'similar' | 'different';

export function parseConstant(text: string): Constant {
  const numeral = text === 'true' ? '1' : text === 'false' ? '0' : text;
  const decimal = parseDecimal(numeral);
  const double = decimal === undefined ? Number.NaN : Number(numeral);
  const isInteger =
    decimal !== undefined && Number.isSafeInteger(double) && compareNumerals(String(double), decimal) === 0;
  return { text, decimal, double, isInteger, temporal: parseTemporal(text) };
}

/** Whether a column's value, not NULL, is equal to a constant. */
export function equality(value: string | number, constant: Constant): Equality {
  if (typeof value === 'number') {
    const order = compareNumber(value, constant);
    return order === undefined ? 'similar' : order === 0 ? 'equal' : 'different';
  }
  const { text, decimal, temporal } = constant;
  if (value === text) return 'equal';
  // A DECIMAL 5.00 is equal to 5, a text 5.00 is not: the value does not tell which it is.
  if (decimal !== undefined && compareNumerals(value, decimal) === 0) return 'similar';
  if (STARTS_WITH_DIGIT.test(text)) {
    const moment = parseTemporal(value);
    if (moment !== undefined) {
      const order = temporal === undefined ? undefined : compareTemporals(moment, temporal);
      // MySQL reads dates in more spellings than can be listed here.
      return order === undefined || order === 0 ? 'similar' : 'different';
    }
  }
  return areSimilarTexts(value, text) ? 'similar' : 'different';
}

/**
 * Negative, zero or positive as a column's value, not NULL, is less than, equal to or greater than a constant.
 * Undefined if it cannot be told: the order of text is that of a collation, which is not known.
 */
export function order(value: string | number, constant: Constant): number | undefined {
  if (typeof value === 'number') return compareNumber(value, constant);
  if (constant.decimal !== undefined) return compareNumerals(value, constant.decimal);
  const { temporal } = constant;
  const moment = temporal === undefined ? undefined : parseTemporal(value);
  return temporal === undefined || moment === undefined ? undefined : compareTemporals(moment, temporal);
}

/** Whether two bounds leave no value between them: undefined if they are not of one kind, or of none that has an order. */
export function isEmptyRange(lower: string, upper: string, inclusive: boolean): boolean | undefined {
  const [one, other] = [parseConstant(lower), parseConstant(upper)];
  const compared =
    one.temporal !== undefined && other.temporal !== undefined
      ? compareTemporals(one.temporal, other.temporal)
      : one.decimal !== undefined && other.decimal !== undefined
        ? compareDecimals(one.decimal, other.decimal)
        : undefined;
  if (compared === undefined) return undefined;
  return compared > 0 || (compared === 0 && !inclusive);
}

/** Whether a text can bound a range: a number, a date or a time. */
export function isBound(text: string): boolean {
  return parseDecimal(text) !== undefined || parseTemporal(text) !== undefined;
}

const STARTS_WITH_DIGIT = /^\s*[+-]?\d/;
const STARTS_LIKE_NUMERAL = /^\s*[+-]?\.?\d/;
/** Two ways of rounding a decimal to a double do not differ by more, relative to it. */
const ROUNDING = 4 * Number.EPSILON;

function compareNumber(value: number, { decimal, double, isInteger }: Constant): number | undefined {
  if (decimal === undefined) return undefined;
  if (isInteger && Number.isSafeInteger(value)) return value - double;
  const order = compareNumerals(String(value), decimal);
  if (order === 0) return 0;
  // A DOUBLE is compared after the constant was rounded to one.
  const tolerance = Number.isSafeInteger(value) ? 0 : Math.abs(value) * ROUNDING;
  return Math.abs(value - double) <= tolerance ? undefined : order;
}

function compareNumerals(text: string, decimal: Decimal): number | undefined {
  if (!STARTS_LIKE_NUMERAL.test(text)) return undefined;
  const number = parseDecimal(text);
  return number === undefined ? undefined : compareDecimals(number, decimal);
}
