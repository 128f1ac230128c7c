import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LookupCache } from './lookup-cache.ts';

const commands = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ kind: 'delete' as const, key: `k${n}`, rule: 'rules[0]' }));

describe('the cache of lookups', () => {
  it('gives a result until it expires, and not a moment longer', () => {
    const cache = new LookupCache();
    const result = commands(2);
    cache.set('a', result, 100);
    expect(cache.get('a', 99)).toBe(result);
    expect(cache.get('a', 100)).toBeUndefined();
  });

  it('forgets what was used least recently when it is full', () => {
    const cache = new LookupCache({ entries: 2, commands: 100 });
    cache.set('a', commands(1), 10);
    cache.set('b', commands(1), 10);
    cache.get('a', 0);
    cache.set('c', commands(1), 10);
    expect(['a', 'b', 'c'].filter((key) => cache.get(key, 0) !== undefined)).toEqual(['a', 'c']);
  });

  it('never holds more entries or commands than it may', () => {
    const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(12)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (sets) => {
        const cache = new LookupCache({ entries: 4, commands: 10 });
        for (const [key, size] of sets) cache.set(`k${key}`, commands(size), 1);
        const kept = Array.from({ length: 10 }, (_, key) => cache.get(`k${key}`, 0)).filter(
          (entry) => entry !== undefined,
        );
        expect(kept.length).toBeLessThanOrEqual(4);
        expect(kept.reduce((sum, entry) => sum + entry.length, 0)).toBeLessThanOrEqual(10);
      }),
    );
  });
});
