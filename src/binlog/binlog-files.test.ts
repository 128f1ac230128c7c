import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesFromOldest, locate } from './binlog-files.ts';
import type { BinlogFile } from './binlog-files.ts';

const FILES: readonly BinlogFile[] = [
  { name: 'binlog.000008', size: 100 },
  { name: 'binlog.000009', size: 200 },
  { name: 'binlog.000010', size: 50 },
];

describe('a place among the binlog files', () => {
  it.each([
    ['binlog.000009', 200, 'listed'],
    ['binlog.000010', 4, 'listed'],
    ['binlog.000010', 51, 'ahead'],
    ['binlog.000007', 4, 'purged'],
    ['binlog.000011', 4, 'replaced'],
    ['other.000009', 4, 'replaced'],
  ])('%s:%i is %s', (file, offset, place) => {
    expect(locate(file, offset, FILES)).toBe(place);
  });

  it('goes on with six and more digits in the order of the numbers', () => {
    const files = [{ name: 'binlog.1000000', size: 10 }];
    expect(locate('binlog.999999', 4, files)).toBe('purged');
    expect(locate('binlog.1000001', 4, files)).toBe('replaced');
  });

  it('is replaced when there are no files', () => {
    expect(locate('binlog.000001', 4, [])).toBe('replaced');
  });
});

describe('the distance to the oldest file', () => {
  it('counts whole files and the part of the last one, also beyond 4 GiB', () => {
    expect(bytesFromOldest('binlog.000010', 20, FILES)).toBe(320);
    const large = [{ name: 'b.1', size: 5 * 2 ** 30 }, ...FILES];
    expect(bytesFromOldest('binlog.000008', 4, large)).toBe(5 * 2 ** 30 + 4);
  });

  it('is 0 for a place that is not there', () => {
    expect(bytesFromOldest('binlog.000001', 20, FILES)).toBe(0);
  });

  it('grows with the place and never exceeds what all files hold', () => {
    const places = fc.nat(FILES.length - 1).chain((index) =>
      fc.record({
        index: fc.constant(index),
        offset: fc.integer({ min: 4, max: FILES[index]?.size ?? 4 }),
      }),
    );
    fc.assert(
      fc.property(places, places, (a, b) => {
        const distance = ({ index, offset }: { index: number; offset: number }): number =>
          bytesFromOldest(FILES[index]?.name ?? '', offset, FILES);
        expect(distance(a)).toBeLessThanOrEqual(350);
        const before = a.index < b.index || (a.index === b.index && a.offset <= b.offset);
        expect(before ? distance(a) <= distance(b) : distance(b) <= distance(a)).toBe(true);
      }),
    );
  });
});
