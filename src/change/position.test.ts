import { describe, expect, it } from 'vitest';
import { isBefore, setBack } from './position.ts';
import type { SourcePosition } from './position.ts';

const at = (serverUuid: string, epoch: number, offset: number): SourcePosition => ({
  serverUuid,
  epoch,
  file: 'binlog.000009',
  offset,
  fileCreatedAt: 0,
});

describe('a position that is set back', () => {
  it('has the epoch of the newest one on its server: a fail-back lies between', () => {
    expect(setBack(at('a', 0, 10), at('a', 2, 90))).toEqual(at('a', 2, 10));
  });

  it('has a new epoch on another server, whose files are counted otherwise', () => {
    expect(setBack(at('b', 1, 10), at('a', 2, 5)).epoch).toBe(3);
  });
});

describe('a place', () => {
  it('is before another one by epoch, number of the file and offset', () => {
    const rising = [
      at('a', 0, 10),
      at('a', 0, 11),
      { ...at('a', 0, 4), file: 'binlog.1000000' },
      { ...at('b', 1, 4), file: 'other.000001' },
    ];
    for (const [index, place] of rising.entries())
      expect(rising.map((other) => isBefore(place, other))).toEqual(rising.map((_, other) => index < other));
  });
});
