import { describe, expect, it } from 'vitest';
import { CombinationSize } from './combination-size.ts';

const requests = (count: number, text = 'x') =>
  Array.from({ length: count }, () => ({ lookup: 0, parameters: [text] }));

const grown = (): CombinationSize => {
  const size = new CombinationSize({ combinable: true, maxRows: 2500 });
  for (let round = 0; round < 10; round += 1) size.answered(size.of(requests(1000)), 10, 1);
  return size;
};

describe('how many lookups are asked in one statement', () => {
  it('grows while statements are quick and give few rows, up to a limit', () => {
    const size = new CombinationSize({ combinable: true, maxRows: 2500 });
    const first = size.of(requests(1000));
    expect(grown().of(requests(1000))).toBe(100);
    expect(first).toBeLessThan(100);
  });

  it('does not grow by statements that ask less than it allows', () => {
    const size = new CombinationSize({ combinable: true, maxRows: 2500 });
    const first = size.of(requests(1000));
    for (let round = 0; round < 10; round += 1) size.answered(1, 1, 1);
    expect(size.of(requests(1000))).toBe(first);
  });

  it('halves when a statement takes long, and when its rows do not fit', () => {
    const slow = grown();
    slow.answered(100, 10, 1000);
    const large = grown();
    large.cut(100);
    expect([slow, large].map((size) => size.of(requests(1000)))).toEqual([50, 50]);
  });

  it('is one after a failure, and grows again', () => {
    const size = grown();
    size.failed();
    expect(size.of(requests(1000))).toBe(1);
    size.answered(1, 1, 1);
    expect(size.of(requests(1000))).toBe(2);
  });

  it('is one for a lookup that cannot be asked so', () => {
    const size = new CombinationSize({ combinable: false, maxRows: 2500 });
    size.answered(1, 1, 1);
    expect(size.of(requests(1000))).toBe(1);
  });

  it('asks few requests with large parameters together, but always one', () => {
    expect(grown().of(requests(1000, 'x'.repeat(30_000)))).toBe(2);
    expect(grown().of(requests(1000, 'x'.repeat(3_000_000)))).toBe(1);
  });
});
