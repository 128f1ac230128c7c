import { Redis } from 'ioredis';

import { monotonicMs } from './process-usage.ts';

/** Hears of every delete in a Redis that has `notify-keyspace-events Kg`. */
export interface DeleteObserver {
  /** When keys were deleted, in order. */
  readonly seen: ReadonlyMap<string, readonly number[]>;
  close(): void;
}

/** Observes the deletes of the keys `table:…` from now on. */
export async function observeDeletes(redisUrl: string, table: string): Promise<DeleteObserver> {
  const channel = `__keyspace@0__:`;
  const seen = new Map<string, number[]>();
  const redis = new Redis(redisUrl);
  redis.on('pmessage', (_pattern: string, name: string, what: string) => {
    const at = monotonicMs();
    if (what !== 'del') return;
    const key = name.slice(channel.length);
    const times = seen.get(key);
    if (times === undefined) seen.set(key, [at]);
    else times.push(at);
  });
  await redis.psubscribe(`${channel}${table}:*`);
  return { seen, close: () => redis.disconnect() };
}
