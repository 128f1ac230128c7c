import type { RedisConnection } from './connection.ts';
import type { Send } from './send.ts';

/**
 * Gives each counter a value that it never had. Readers put it into the names of their keys and compare for
 * equality only, so keys under any earlier value are found no more.
 *
 * An increment is new as long as the counter is there. A counter that was lost (evicted, expired, flushed, or not
 * yet replicated at a failover) must not begin at 1 again: keys that were written under an older 1 may still be
 * there. So it begins at the server's time in µs: `SET key µs NX` and `INCR key`, in this order and without waiting.
 * - Nobody increments a key once in every µs, so no counter that began at an earlier time has come as far.
 * - Of two that do this at once, one SET wins, and both INCR differ.
 * - A counter that goes between the two commands is found out by the reply 1, and set to a new time.
 * - The value stays below 2^53 for 200 years, so every language reads it exactly.
 *
 * What cannot be incremented (another type, no integer, the largest one) would fail for ever. It is overwritten with
 * the time, which is as new. A repetition, also of what was executed without a reply, only increments again.
 *
 * Resolves with the keys that held no counter. @throws UnstaleError of the command that failed.
 */
export async function renewGenerations(
  connection: RedisConnection,
  keys: readonly string[],
  send: Send,
): Promise<string[]> {
  const start = await send(() => connection.time());
  const { vanished, unusable } = await send(() => connection.increment(keys, start));
  const broken = [...vanished, ...unusable];
  if (broken.length === 0) return unusable;
  // Asked again, because `start` may be in use by now.
  const now = await send(() => connection.time());
  await send(() => connection.setAll(broken, now));
  return unusable;
}
