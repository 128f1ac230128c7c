import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBoundedMap } from './bounded-map.ts';

describe('a bounded map', () => {
  it('never holds more entries or weight than it may, and always the newest that fits', () => {
    const sets = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(12)), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(sets, (all) => {
        const map = createBoundedMap<number>({ maxEntries: 4, maxWeight: 10 });
        for (const [key, weight] of all) {
          map.set(key, weight, weight);
          expect(map.size).toBeLessThanOrEqual(4);
          expect(map.weight).toBeLessThanOrEqual(10);
          expect(map.get(key)).toBe(weight <= 10 ? weight : undefined);
        }
        for (const key of 'abcdef') map.delete(key);
        expect([map.size, map.weight]).toEqual([0, 0]);
      }),
    );
  });

  it('forgets what was set the longest ago', () => {
    const map = createBoundedMap<number>({ maxEntries: 2 });
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    map.set('c', 4);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4]);
  });
});
