import { sleep } from './sleep.ts';

export interface BackoffOptions {
  /** First delay, ms. */
  readonly initial: number;
  /** Longest delay, ms. */
  readonly max: number;
}

/**
 * Exponential backoff with full jitter on the upper half: attempt n waits between half and all of
 * `min(max, initial * 2^(n-1))` ms, so that clients of one failed server do not return together.
 */
export function backoffDelay(
  attempt: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(options.max, options.initial * 2 ** Math.min(attempt - 1, 30));
  return ceiling / 2 + (random() * ceiling) / 2;
}

/** A `RetryDelay` over `backoffDelay` and an abortable sleep. */
export function createRetryDelay(
  options: BackoffOptions,
): (attempt: number, signal: AbortSignal) => Promise<void> {
  return (attempt, signal) => sleep(backoffDelay(attempt, options), signal);
}
