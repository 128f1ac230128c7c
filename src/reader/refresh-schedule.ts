import { createBoundedMap } from './bounded-map.ts';
import { isTimeToRefresh } from './expiry.ts';
import type { Random } from './expiry.ts';
import type { EarlyRefreshOptions } from './options.ts';

/**
 * When the values that this process has stored expire. A hit stays one plain GET thereby: its reply does not tell the
 * remaining time, so only who filled a key refreshes it early.
 */
export interface RefreshSchedule {
  filled(key: string, ttlMs: number, loadMs: number): void;
  /**
   * Whether to refresh the key now, by chance the likelier the sooner it expires. True claims one of the places for
   * refreshes: `finished` gives it back.
   */
  claim(key: string): boolean;
  finished(key: string): void;
  forget(key: string): void;
}

export function createRefreshSchedule(
  { beta = 1, maxKeys = 10_000, concurrent = 4 }: EarlyRefreshOptions,
  random: Random = Math.random,
  clock: () => number = () => performance.now(),
): RefreshSchedule {
  const expiries = createBoundedMap<{ readonly at: number; readonly loadMs: number }>({
    maxEntries: maxKeys,
  });
  const running = new Set<string>();
  return {
    filled: (key, ttlMs, loadMs) => expiries.set(key, { at: clock() + ttlMs, loadMs }),
    claim(key) {
      const expiry = expiries.get(key);
      if (expiry === undefined) return false;
      const remaining = expiry.at - clock();
      // It should be gone: another process has filled the key since.
      if (remaining <= 0) expiries.delete(key);
      else if (running.size < concurrent && !running.has(key)) {
        if (!isTimeToRefresh(remaining, expiry.loadMs, beta, random)) return false;
        running.add(key);
        return true;
      }
      return false;
    },
    finished: (key) => void running.delete(key),
    forget: (key) => expiries.delete(key),
  };
}
