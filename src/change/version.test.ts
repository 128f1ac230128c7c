import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binlogVersion, rowVersion } from './version.ts';

describe('a row version', () => {
  it('compares as text as the numbers do, around 2^53 and beyond', () => {
    const largest = 10n ** 20n - 1n;
    const near = fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n });
    const number = fc.oneof(near, fc.bigInt({ min: 0n, max: largest }), fc.bigInt({ min: 0n, max: 20n }));
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [first, second] = [rowVersion(a)!, rowVersion(b)!];
        expect(first < second).toBe(a < b);
        expect(rowVersion(a.toString())).toBe(first);
        expect(rowVersion(a, 'deleted')! > first).toBe(true);
        expect(rowVersion(a, 'deleted')! < second).toBe(a < b);
      }),
    );
  });

  it('has one length, so that Redis compares it right', () => {
    expect(rowVersion(0)).toBe('000000000000000000000');
    expect(rowVersion(42, 'deleted')).toBe('000000000000000000421');
    expect(rowVersion((10n ** 20n - 1n).toString())).toHaveLength(21);
  });

  it('reads times as microseconds in UTC, however they are written', () => {
    const micros = BigInt(Date.UTC(2026, 0, 31, 12, 0, 0)) * 1000n;
    expect(rowVersion('2026-01-31 12:00:00')).toBe(rowVersion(micros));
    expect(rowVersion('2026-01-31 12:00:00.5')).toBe(rowVersion(micros + 500_000n));
    expect(rowVersion('2026-01-31T12:00:00.000001Z')).toBe(rowVersion(micros + 1n));
    expect(rowVersion(new Date('2026-01-31T12:00:00.250Z'))).toBe(rowVersion(micros + 250_000n));
  });

  it('does not exist for what cannot be ordered', () => {
    for (const value of [
      null,
      undefined,
      -1,
      1.5,
      2 ** 53,
      '',
      '-1',
      'x',
      '1'.repeat(21),
      '0000-00-00 00:00:00',
    ])
      expect(rowVersion(value)).toBeUndefined();
    expect(rowVersion(-1n)).toBeUndefined();
    expect(rowVersion(Uint8Array.of(1))).toBeUndefined();
    expect(rowVersion(new Date(Number.NaN))).toBeUndefined();
  });
});

describe('a binlog version', () => {
  const order = { epoch: 1, file: 'binlog.000009', offset: 4, ordinal: 0 };

  it('orders by epoch, file number, offset and row', () => {
    const rising = [
      order,
      { ...order, ordinal: 1 },
      { ...order, offset: 2 ** 32 + 4 },
      { ...order, file: 'binlog.000010' },
      { ...order, file: 'binlog.1000000' },
      { ...order, epoch: 2, file: 'other-bin.000001' },
    ].map((place) => binlogVersion(place)!);
    expect(rising.toSorted()).toEqual(rising);
    expect(new Set(rising.map(({ length }) => length)).size).toBe(1);
    expect(rising[0]).not.toHaveLength(rowVersion(1)!.length);
  });

  it('is higher for a deletion at the same place', () => {
    expect(binlogVersion(order, 'deleted')! > binlogVersion(order)!).toBe(true);
    expect(binlogVersion({ ...order, file: 'binlog' })).toBeUndefined();
  });
});
