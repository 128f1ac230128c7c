import { inspect } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Reads again and again until `accept` holds, and resolves with that value. A read that throws counts as not
 * accepted. `what` names the awaited condition in the error.
 * @throws Error with the last value or error when the deadline (10 s) has passed.
 */
export async function eventually<T>(
  what: string,
  read: () => T | Promise<T>,
  accept: (value: T) => boolean = Boolean,
  options: EventuallyOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: string;
    try {
      const value = await read();
      if (accept(value)) return value;
      last = `last value: ${inspect(value, { depth: 6 })}`;
    } catch (error) {
      last = `last error: ${inspect(error)}`;
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}; ${last}`);
    await delay(options.intervalMs ?? 20);
  }
}
