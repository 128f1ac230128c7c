import type { OpenContender } from './contender.ts';

/** How many reads are on their way at once: one caller, and a busy process. */
export const CONCURRENCIES = [1, 50] as const;
export type Concurrency = (typeof CONCURRENCIES)[number];

/** One contender in one round. */
export interface ReaderRound {
  readonly contender: string;
  readonly concurrency: Concurrency;
  /** Wall clock of one hit, µs: with several at once the time between two ends. */
  readonly microsPerHit: number;
  /** CPU of this process for one hit, user and system, µs. */
  readonly cpuMicrosPerHit: number;
}

/** Reads values that are there, `hits` times, over `keys` in turn. */
export async function measureHits(
  contender: OpenContender,
  keys: readonly string[],
  hits: number,
  concurrency: Concurrency,
): Promise<Omit<ReaderRound, 'contender'>> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < hits) {
      const key = keys[next % keys.length] ?? '';
      next += 1;
      await contender.hit(key);
    }
  };
  const cpu = process.cpuUsage();
  const start = performance.now();
  await Promise.all(Array.from({ length: concurrency }, caller));
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return {
    concurrency,
    microsPerHit: (ms * 1000) / hits,
    cpuMicrosPerHit: (user + system) / hits,
  };
}
