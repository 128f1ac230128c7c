import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDecimals, parseDecimal } from './condition-decimal.ts';
import type { Decimal } from './condition-decimal.ts';

function decimal(text: string): Decimal {
  const parsed = parseDecimal(text);
  if (parsed === undefined) throw new Error(`no numeral: ${text}`);
  return parsed;
}

const SCALE = 30;
const scaled = fc.tuple(fc.bigInt({ min: -(10n ** 65n), max: 10n ** 65n }), fc.nat({ max: SCALE }));

/** An integer divided by a power of ten, as a numeral. */
function numeral([unscaled, scale]: readonly [bigint, number]): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${unscaled < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`;
}

describe('decimal numbers', () => {
  it('compare like integers of the same scale', () => {
    const near = scaled.chain(([unscaled, scale]) =>
      fc.tuple(
        fc.constant([unscaled, scale] as const),
        fc.oneof(
          scaled,
          fc.bigInt({ min: -2n, max: 2n }).map((step) => [unscaled + step, scale] as [bigint, number]),
        ),
      ),
    );
    fc.assert(
      fc.property(near, ([one, other]) => {
        const [a, b] = [one, other].map(([unscaled, scale]) => unscaled * 10n ** BigInt(SCALE - scale));
        const expected = a === b ? 0 : (a ?? 0n) < (b ?? 0n) ? -1 : 1;
        expect(Math.sign(compareDecimals(decimal(numeral(one)), decimal(numeral(other))))).toBe(expected);
      }),
    );
  });

  it.each([
    ['0', '-0.00'],
    ['5', '+005.00'],
    ['.5', '0.50'],
    ['5.', ' 5 '],
    ['1e3', '1000.0'],
    ['12.5E-2', '0.125'],
    ['9007199254740993', '9007199254740993.000'],
  ])('%j and %j are equal', (one, other) => {
    expect(compareDecimals(decimal(one), decimal(other))).toBe(0);
  });

  it.each(['', '.', '-', '+.', 'e5', '1e', '0x10', '1_000', '1,5', '5 apples', 'Infinity', '1 2', '--1'])(
    '%j is no numeral',
    (text) => {
      expect(parseDecimal(text)).toBeUndefined();
    },
  );

  it('of a million digits are read in one go', () => {
    const digits = '1'.repeat(1_000_000);
    expect(parseDecimal(`${digits}x`)).toBeUndefined();
    expect(compareDecimals(decimal(`${digits}0`), decimal(digits))).toBeGreaterThan(0);
    expect(compareDecimals(decimal(`0.${'0'.repeat(1_000_000)}1`), decimal('0'))).toBeGreaterThan(0);
  });
});
