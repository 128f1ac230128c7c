/**
 * A decimal number of any length: sign × 0.`digits` × 10^`point`. `digits` has no zeros at either end, so that equal
 * numbers have equal fields.
 */
export interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly point: number;
}

// No two parts can match the same digits: values may be megabytes long.
const NUMERAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d{1,9}))?$/i;

/** The number that a text spells in decimal, also with an exponent; undefined if it spells none. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = NUMERAL.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, whole = '', behindWhole = '', alone = '', exponent = '0'] = match;
  const all = whole + behindWhole + alone;
  let start = 0;
  while (all.charAt(start) === '0') start += 1;
  let end = all.length;
  while (end > start && all.charAt(end - 1) === '0') end -= 1;
  if (start === end) return { sign: 0, digits: '', point: 0 };
  return {
    sign: sign === '-' ? -1 : 1,
    digits: all.slice(start, end),
    point: whole.length - start + Number(exponent),
  };
}

/** Negative, zero or positive as the first number is less than, equal to or greater than the second one; exact. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  if (one.sign !== other.sign) return one.sign - other.sign;
  if (one.point !== other.point) return one.sign * (one.point - other.point);
  // Fractions without zeros at their end order as their digits do.
  return one.digits === other.digits ? 0 : one.sign * (one.digits < other.digits ? -1 : 1);
}
