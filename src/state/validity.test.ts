import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Validity } from './validity.ts';

const ms = fc.integer({ min: 0, max: 1_000_000 });

describe('the validity of a lease', () => {
  it('lasts from when a statement was sent for its length, by the clock that is further', () => {
    fc.assert(
      fc.property(ms, ms, ms, fc.integer({ min: 1, max: 60_000 }), (sent, monotonic, wall, length) => {
        const validity = new Validity(length);
        const start = { monotonic: sent, wall: sent + 7 };
        validity.extend(start);
        const later = { monotonic: start.monotonic + monotonic, wall: start.wall + wall };
        expect(validity.left(later)).toBe(Math.max(0, length - Math.max(monotonic, wall)));
      }),
    );
  });

  it('is over when the machine has slept, which only the wall clock shows', () => {
    const validity = new Validity(4500);
    validity.extend({ monotonic: 0, wall: 0 });
    expect(validity.left({ monotonic: 10, wall: 60_000 })).toBe(0);
  });

  it('is no longer for a wall clock that was set back', () => {
    const validity = new Validity(4500);
    validity.extend({ monotonic: 0, wall: 100_000 });
    expect(validity.left({ monotonic: 4500, wall: 0 })).toBe(0);
  });

  it('is over at once when the session is gone, until a new answer', () => {
    const validity = new Validity(4500);
    expect(validity.left({ monotonic: 0, wall: 0 })).toBe(0);
    validity.extend({ monotonic: 0, wall: 0 });
    validity.end();
    expect(validity.left({ monotonic: 1, wall: 1 })).toBe(0);
    validity.extend({ monotonic: 1, wall: 1 });
    expect(validity.left({ monotonic: 1, wall: 1 })).toBe(4500);
  });
});
