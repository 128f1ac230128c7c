import { asUnstaleError } from '../errors/unstale-error.ts';
import type { RetryDelay } from './ports.ts';

/**
 * Does work until it succeeds, or the signal aborts: then it may be undone.
 * @throws the error that no repetition can help.
 */
export async function retried(
  work: () => Promise<void>,
  { retryDelay, signal }: { readonly retryDelay: RetryDelay; readonly signal: AbortSignal },
): Promise<void> {
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (asUnstaleError(error).policy.directive !== 'retry') throw error;
      await retryDelay(attempt, signal);
    }
  }
}
