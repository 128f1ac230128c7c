import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { rewindPoint } from './rewind-point.ts';

const place = (offset: number, epoch = 0): SourcePosition => ({
  serverUuid: 's',
  epoch,
  file: 'f.000001',
  offset,
  fileCreatedAt: 0,
});
const entries = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 4, max: 1000 })), {
    minLength: 1,
    maxLength: 20,
  })
  .map((all) => all.toSorted(([a], [b]) => a - b).map(([at, offset]) => ({ at, position: place(offset) })));

describe('the point of a rewind', () => {
  it('is the newest entry at or before the moment while positions rise', () => {
    const rising = [10, 20, 30].map((at) => ({ at, position: place(at) }));
    expect(rewindPoint(rising, 25, place(40))).toEqual({ entry: rising[1], position: place(20) });
    expect(rewindPoint(rising, 20, place(40))?.position).toEqual(place(20));
    expect(rewindPoint(rising, 99, place(40))?.position).toEqual(place(30));
  });

  it('is nowhere when the history does not reach so far', () => {
    expect(rewindPoint([{ at: 10, position: place(10) }], 9, place(40))).toBeUndefined();
    expect(rewindPoint([], 9, place(40))).toBeUndefined();
  });

  it('is never behind where the daemon is, and was, since the moment: nothing is left out', () => {
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 4, max: 1000 }),
        (all, at, now) => {
          const point = rewindPoint(all, at, place(now));
          if (point === undefined) {
            expect(all.every((entry) => entry.at > at)).toBe(true);
            return;
          }
          expect(point.entry.at).toBeLessThanOrEqual(at);
          expect(all.some((entry) => entry.at <= at && entry.at > point.entry.at)).toBe(false);
          const since = all.filter((entry) => entry.at >= point.entry.at && entry.at > at);
          for (const { position } of [...since, point.entry, { position: place(now) }]) {
            expect(isBefore(position, point.position)).toBe(false);
          }
        },
      ),
    );
  });

  it('is on the server before, where the moment was before the server changed', () => {
    const moved = [
      { at: 10, position: place(900, 0) },
      { at: 20, position: place(5, 1) },
    ];
    expect(rewindPoint(moved, 15, place(50, 1))?.position).toEqual(place(900, 0));
  });
});
