import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keptSlots, RECENT_SLOTS } from './history-slots.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What the slots hold after entries at these moments. */
function ringOf(moments: readonly number[]): Map<number, number> {
  const ring = new Map<number, number>();
  let last: number | undefined;
  for (const at of moments) {
    for (const slot of keptSlots(at, last)) ring.set(slot, at);
    last = at;
  }
  return ring;
}

const start = fc.integer({ min: 1_600_000_000_000, max: 2_000_000_000_000 });
const steps = fc.array(fc.integer({ min: 0, max: 20 * MINUTE }), { minLength: 1, maxLength: 400 });

describe('the slots of the position history', () => {
  it('fit into a TINYINT UNSIGNED and leave those of the last minutes alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 42 }), (at) => {
        const slots = keptSlots(at, undefined);
        expect(slots).toHaveLength(2);
        for (const slot of slots) {
          expect(slot).toBeGreaterThanOrEqual(RECENT_SLOTS);
          expect(slot).toBeLessThan(256);
        }
      }),
    );
  });

  it('hold a moment no older than the last one before by more than a minute within the hour, and an hour within the week', () => {
    fc.assert(
      fc.property(start, steps, fc.nat(), (from, gaps, pick) => {
        const moments = gaps.reduce<number[]>((all, gap) => [...all, (all.at(-1) ?? from) + gap], []);
        const newest = moments.at(-1) ?? from;
        const kept = [...ringOf(moments).values()];
        const wanted = moments[pick % moments.length] ?? from;
        const found = Math.max(...kept.filter((at) => at <= wanted));
        const tolerated = newest - wanted < HOUR - MINUTE ? MINUTE : HOUR;
        if (newest - wanted < 179 * HOUR) expect(wanted - found).toBeLessThan(tolerated);
      }),
    );
  });

  it('are written at most once a minute and once an hour, however often the position is stored', () => {
    fc.assert(
      fc.property(start, fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 300 }), (from, gaps) => {
        let [last, writes, at] = [undefined as number | undefined, 0, from];
        for (const gap of gaps) {
          at += gap;
          writes += keptSlots(at, last).length;
          last = at;
        }
        const [minutes, hours] = [MINUTE, HOUR].map(
          (unit) => Math.floor(at / unit) - Math.floor(from / unit),
        );
        expect(writes).toBeLessThanOrEqual((minutes ?? 0) + (hours ?? 0) + 2);
      }),
    );
  });
});
