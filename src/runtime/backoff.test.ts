import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelay, createRetryDelay } from './backoff.ts';

const options = { initial: 300, max: 10_000 };

describe('backoff', () => {
  it('doubles from the initial delay up to the longest', () => {
    const atMost = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffDelay(attempt, options, () => 1));
    expect(atMost).toEqual([300, 600, 1200, 2400, 4800, 9600, 10_000]);
  });

  it('waits at least half of the ceiling', () => {
    expect(backoffDelay(1, options, () => 0)).toBe(150);
    expect(backoffDelay(100, options, () => 0)).toBe(5000);
  });

  it('stays within half and all of the ceiling for any attempt', () => {
    const cases = [
      fc.integer({ min: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    ] as const;
    fc.assert(
      fc.property(...cases, (attempt, random) => {
        const delay = backoffDelay(attempt, options, () => random);
        const ceiling = backoffDelay(attempt, options, () => 1);
        expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
        expect(delay).toBeLessThanOrEqual(ceiling);
        expect(ceiling).toBeLessThanOrEqual(options.max);
      }),
    );
  });

  it('ends the wait when the signal aborts', async () => {
    const delay = createRetryDelay({ initial: 3_600_000, max: 3_600_000 });
    await expect(delay(1, AbortSignal.abort())).resolves.toBeUndefined();
  });
});
