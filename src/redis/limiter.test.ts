import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { createLimiter } from './limiter.ts';

test('never more tasks than the limit run, all run, and they start in the order of their calls', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.record({ turns: fc.nat(5), fails: fc.boolean() }), { maxLength: 40 }),
      async (limit, tasks) => {
        const limiter = createLimiter(limit);
        const started: number[] = [];
        let active = 0;
        let peak = 0;
        const results = await Promise.allSettled(
          tasks.map(({ turns, fails }, index) =>
            limiter.run(async () => {
              started.push(index);
              active += 1;
              peak = Math.max(peak, active);
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              active -= 1;
              if (fails) throw new Error(`task ${index}`);
              return index;
            }),
          ),
        );
        expect(peak).toBeLessThanOrEqual(limit);
        expect(started).toEqual(tasks.map((_, index) => index));
        expect(results.map(({ status }) => status === 'rejected')).toEqual(tasks.map(({ fails }) => fails));
      },
    ),
  );
});

test('a place that was freed is taken again', async () => {
  const limiter = createLimiter(1);
  await expect(limiter.run(() => Promise.reject(new Error('first')))).rejects.toThrow('first');
  await expect(limiter.run(() => Promise.resolve('second'))).resolves.toBe('second');
});
