import { describe, expect, it } from 'vitest';
import { compareTemporals, parseTemporal } from './condition-temporal.ts';

function compare(one: string, other: string): number | undefined {
  const [a, b] = [parseTemporal(one), parseTemporal(other)];
  if (a === undefined || b === undefined) throw new Error('no date or time');
  return compareTemporals(a, b);
}

describe('dates and times', () => {
  it.each([
    ['2026-01-31', '2026-01-31 00:00:00'],
    ['2026-01-31T12:30', '2026-01-31 12:30:00.000'],
    ['2026-01-31 12:30:00.5', '2026-01-31 12:30:00.500000'],
    ['12:30', '12:30:00.0'],
  ])('%s is %s', (one, other) => {
    expect(compare(one, other)).toBe(0);
  });

  it.each([
    ['2026-01-31', '2026-01-31 00:00:00.000001'],
    ['0000-00-00', '1000-01-01'],
    ['99:00:00', '100:00:00'],
    ['-838:59:59', '-00:00:00.25'],
    ['-00:00:00.25', '00:00:00'],
  ])('%s is before %s', (one, other) => {
    expect(compare(one, other)).toBeLessThan(0);
    expect(compare(other, one)).toBeGreaterThan(0);
  });

  it('of two kinds do not compare', () => {
    expect(compare('2026-01-31', '12:30:00')).toBeUndefined();
  });

  it.each(['', '2026', '20260131', '2026-1-31', '2026-01-31 ', '2026-01-31 12', '26-01-31', '1:2:3'])(
    '%j is neither',
    (text) => {
      expect(parseTemporal(text)).toBeUndefined();
    },
  );
});
