import { describe, expect, it } from 'vitest';
import type { SourcePosition } from '../change/position.ts';
import { judgeRetention } from './retention-watch.ts';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;
const FILES = [
  { name: 'binlog.000008', size: 100 },
  { name: 'binlog.000009', size: 200 },
  { name: 'binlog.000010', size: 50 },
];

function position(file: string, age: number): SourcePosition {
  return { serverUuid: 'a', epoch: 0, file, offset: 20, fileCreatedAt: (NOW - age) / 1000 };
}

describe('the purge', () => {
  it.each([
    ['far from the newest file, which is never purged', 'binlog.000010', 1000 * HOUR, HOUR, false],
    ['near the oldest file when there are newer ones', 'binlog.000008', 0, HOUR, true],
    ['far from a file in between that is young', 'binlog.000009', 0.7 * HOUR, HOUR, false],
    ['near a file in between at four fifths of its time', 'binlog.000009', 0.81 * HOUR, HOUR, true],
    ['far from a file in between that is kept for ever', 'binlog.000009', 1000 * HOUR, undefined, false],
  ])('is %s', (_, file, age, keptFor, near) => {
    expect(judgeRetention(position(file, age), FILES, keptFor, NOW).purgeNear).toBe(near);
  });

  it('is not near when the server has one file only', () => {
    const [only] = FILES;
    const files = only === undefined ? [] : [only];
    expect(judgeRetention(position('binlog.000008', 0), files, HOUR, NOW)).toEqual({
      bytesToOldest: 20,
      purgeNear: false,
    });
  });
});
