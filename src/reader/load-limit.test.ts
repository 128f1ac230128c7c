import { describe, expect, it } from 'vitest';
import { createLoadLimit } from './load-limit.ts';

/** Work that ends when the test says so. */
function controlled(): {
  work: () => Promise<string>;
  started: () => boolean;
  finish: (name: string) => void;
} {
  const { promise, resolve } = Promise.withResolvers<string>();
  let started = false;
  return {
    work: () => {
      started = true;
      return promise;
    },
    started: () => started,
    finish: resolve,
  };
}

describe('a limit of loads', () => {
  it('runs so many at once, and the others in the order in which they came', async () => {
    const limit = createLoadLimit({ concurrent: 2, queue: 10, maxWaitMs: 60_000 });
    const works = [0, 1, 2, 3].map(() => controlled());
    const results = works.map(({ work }) => limit.run(work));
    await Promise.resolve();
    expect(works.map(({ started }) => started())).toEqual([true, true, false, false]);
    expect([limit.running, limit.waiting]).toEqual([2, 2]);
    works[1]?.finish('b');
    expect(await results[1]).toBe('b');
    await Promise.resolve();
    expect(works.map(({ started }) => started())).toEqual([true, true, true, false]);
    for (const [index, work] of works.entries()) work.finish(String(index));
    expect(await Promise.all(results)).toEqual(['0', 'b', '2', '3']);
    expect(limit.running).toBe(0);
    limit.close();
  });

  it('refuses at once what finds the queue full', async () => {
    const limit = createLoadLimit({ concurrent: 1, queue: 1, maxWaitMs: 60_000 });
    const [first, second] = [controlled(), controlled()];
    const results = [limit.run(first.work), limit.run(second.work)];
    await expect(limit.run(async () => 'x')).rejects.toMatchObject({ code: 'UNSTALE_READER_LOAD_LIMIT' });
    first.finish('a');
    second.finish('b');
    expect(await Promise.all(results)).toEqual(['a', 'b']);
    limit.close();
  });

  it('refuses what waited too long, and does not run it later', async () => {
    const limit = createLoadLimit({ concurrent: 1, queue: 1, maxWaitMs: 5 });
    const [first, second] = [controlled(), controlled()];
    const running = limit.run(first.work);
    await expect(limit.run(second.work)).rejects.toMatchObject({ code: 'UNSTALE_READER_LOAD_LIMIT' });
    first.finish('a');
    await running;
    expect(second.started()).toBe(false);
    expect([limit.running, limit.waiting]).toEqual([0, 0]);
    limit.close();
  });

  it('gives the place on when a load fails, and refuses all when it is closed', async () => {
    const limit = createLoadLimit({ concurrent: 1, queue: 5, maxWaitMs: 60_000 });
    await expect(limit.run(async () => Promise.reject(new Error('no row')))).rejects.toThrow('no row');
    const first = controlled();
    const running = limit.run(first.work);
    const waiting = limit.run(async () => 'never');
    limit.close();
    await expect(waiting).rejects.toMatchObject({ code: 'UNSTALE_READER_CLOSED' });
    await expect(limit.run(async () => 'never')).rejects.toMatchObject({ code: 'UNSTALE_READER_CLOSED' });
    first.finish('a');
    expect(await running).toBe('a');
  });
});
