import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SampleRing } from './sample-ring.ts';

describe('the ring of samples', () => {
  it('holds the last ones in their order, and gives those behind a moment', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(60), fc.nat(70), (capacity, pushed, since) => {
        const ring = new SampleRing<{ at: number }>(capacity);
        const all = Array.from({ length: pushed }, (_, at) => ({ at: at + 1 }));
        for (const sample of all) ring.push(sample);
        expect(ring.since(since)).toEqual(all.slice(-capacity).filter(({ at }) => at > since));
      }),
    );
  });
});
