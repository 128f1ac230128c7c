import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBloomFilter, restoreBloomFilter } from './bloom-filter.ts';

describe('a Bloom filter', () => {
  it('knows every key that was added, before and after it is serialised', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 50 }), (keys) => {
        const filter = createBloomFilter({ expected: keys.length, falsePositiveRate: 0.01 });
        for (const key of keys) filter.add(key);
        const restored = restoreBloomFilter(filter.serialise());
        for (const key of keys) expect([filter.has(key), restored.has(key)]).toEqual([true, true]);
        expect(restored.serialise()).toEqual(filter.serialise());
      }),
    );
  });

  it.each([0.1, 0.01, 0.001])('takes about the share %f of unknown keys for known ones', (rate) => {
    const expected = 20_000;
    const filter = createBloomFilter({ expected, falsePositiveRate: rate });
    for (let id = 0; id < expected; id += 1) filter.add(`user:${id}`);
    let wrong = 0;
    const asked = 200_000;
    for (let id = expected; id < expected + asked; id += 1) if (filter.has(`user:${id}`)) wrong += 1;
    expect(wrong / asked).toBeLessThan(rate * 1.3);
    expect(wrong / asked).toBeGreaterThan(rate * 0.7);
  });

  it('knows nothing while it is empty, and takes 1.2 bytes a key at one in a hundred', () => {
    const filter = createBloomFilter({ expected: 1_000, falsePositiveRate: 0.01 });
    expect(filter.has('user:1')).toBe(false);
    expect(filter.bytes).toBe(1_199);
  });

  it('refuses sizes that cannot be, and bytes that are no filter', () => {
    for (const [expected, falsePositiveRate] of [
      [0, 0.1],
      [Number.NaN, 0.1],
      [10, 0],
      [10, 1],
      [1e12, 0.01],
    ] as const) {
      expect(() => createBloomFilter({ expected, falsePositiveRate })).toThrow(
        expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }),
      );
    }
    const whole = createBloomFilter({ expected: 10, falsePositiveRate: 0.1 }).serialise();
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(20), whole.subarray(0, -1)])
      expect(() => restoreBloomFilter(bytes)).toThrow(
        expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }),
      );
  });
});
