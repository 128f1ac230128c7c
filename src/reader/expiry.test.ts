import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimeToRefresh, jitteredPause, jitteredTtl } from './expiry.ts';

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the TTL of a value', () => {
  it('is at most what was asked for, at least the jitter less, and a whole number of ms above 0', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fraction, fraction, (ttl, jitter, random) => {
        const jittered = jitteredTtl(ttl, jitter, () => random);
        expect(Number.isInteger(jittered)).toBe(true);
        expect(jittered).toBeGreaterThanOrEqual(Math.max(1, Math.floor(ttl * (1 - jitter))));
        expect(jittered).toBeLessThanOrEqual(ttl);
      }),
    );
  });
});

describe('a pause', () => {
  it('is between half of it and all of it', () => {
    expect(jitteredPause(100, () => 0)).toBe(50);
    expect(jitteredPause(100, () => 0.999_999)).toBeCloseTo(100, 2);
  });
});

describe('an early refresh', () => {
  it('always happens when the value has expired, and never for a load that took no time', () => {
    fc.assert(
      fc.property(fraction, fc.integer({ min: 1, max: 1e6 }), (random, ms) => {
        expect(isTimeToRefresh(0, ms, 1, () => random)).toBe(true);
        expect(isTimeToRefresh(ms, 0, 1, () => random)).toBe(false);
      }),
    );
  });

  it('is as likely as XFetch says: e^-(remaining / (load time * beta))', () => {
    const share = (remaining: number, loadMs: number, beta: number): number => {
      const steps = 10_000;
      let refreshed = 0;
      for (let step = 0; step < steps; step += 1)
        if (isTimeToRefresh(remaining, loadMs, beta, () => step / steps)) refreshed += 1;
      return refreshed / steps;
    };
    expect(share(100, 100, 1)).toBeCloseTo(Math.exp(-1), 3);
    expect(share(300, 100, 1)).toBeCloseTo(Math.exp(-3), 3);
    expect(share(300, 100, 3)).toBeCloseTo(Math.exp(-1), 3);
  });
});
