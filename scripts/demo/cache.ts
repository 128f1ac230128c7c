import type { Redis } from 'ioredis';
import type { Pool, RowDataPacket } from 'mysql2/promise';

/** The keys under which the demo's application caches what it reads. */
export const keyOf = {
  user: (id: number): string => `user:${id}`,
  userByEmail: (email: string): string => `user:by-email:${email}`,
  userOrders: (userId: number): string => `user:${userId}:orders`,
  product: (id: number): string => `product:${id}`,
  order: (id: number): string => `order:${id}`,
  orderItems: (orderId: number): string => `order:${orderId}:items`,
};

/** What the application remembers of a look-up that found nothing. */
export const NOTHING = 'null';

const CHUNK = 1_000;

/** Every entry that the application could cache now: key to JSON text, read from MySQL. */
export async function readEntries(pool: Pool): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  const ordersOfUser = new Map<number, number[]>();
  const itemsOfOrder = new Map<number, object[]>();

  for (const user of await select(pool, 'SELECT id, name, email, points FROM users')) {
    entries.set(keyOf.user(user['id']), JSON.stringify(user));
    entries.set(keyOf.userByEmail(user['email']), String(user['id']));
  }
  for (const product of await select(pool, 'SELECT id, name, price, stock FROM products')) {
    entries.set(keyOf.product(product['id']), JSON.stringify(product));
  }
  for (const order of await select(pool, 'SELECT id, user_id, status FROM orders ORDER BY id')) {
    entries.set(keyOf.order(order['id']), JSON.stringify(order));
    append(ordersOfUser, order['user_id'], order['id']);
  }
  for (const item of await select(
    pool,
    'SELECT order_id, product_id, quantity FROM order_items ORDER BY id',
  )) {
    append(itemsOfOrder, item['order_id'], { product: item['product_id'], quantity: item['quantity'] });
  }
  for (const [userId, orders] of ordersOfUser) entries.set(keyOf.userOrders(userId), JSON.stringify(orders));
  for (const [orderId, items] of itemsOfOrder) entries.set(keyOf.orderItems(orderId), JSON.stringify(items));
  return entries;
}

export async function fill(redis: Redis, entries: ReadonlyMap<string, string>): Promise<void> {
  for (const chunk of chunks([...entries])) await redis.mset(chunk.flat());
}

/** How many of the keys are in Redis. */
export async function countCached(redis: Redis, keys: readonly string[]): Promise<number> {
  let cached = 0;
  for (const chunk of chunks(keys)) cached += await redis.exists(chunk);
  return cached;
}

/** All entries that are in Redis. */
export async function cachedEntries(redis: Redis): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'COUNT', CHUNK);
    const values = keys.length === 0 ? [] : await redis.mget(keys);
    for (const [index, key] of keys.entries()) entries.set(key, values[index] ?? '(gone)');
    cursor = next;
  } while (cursor !== '0');
  return entries;
}

/** Sees every deletion as Redis announces it, in order. Times are those of `performance.now()`. */
export interface DeletionWatch {
  /** The keys deleted so far, in order; it grows. */
  readonly removed: readonly string[];
  /** When the deletion was announced; undefined as long as it was not. */
  removedAt(key: string): number | undefined;
  /** Resolves with true when all of the keys are deleted, with false after the timeout. */
  gone(keys: readonly string[], timeoutMs: number): Promise<boolean>;
  /** Resolves when every deletion that Redis has executed so far has been seen. */
  caughtUp(): Promise<void>;
}

/** Redis has to run with `notify-keyspace-events Kg`. The connection is given over to the watch. */
export async function watchDeletions(subscriber: Redis): Promise<DeletionWatch> {
  const removed: string[] = [];
  const times = new Map<string, number>();
  const waiting = new Set<(key: string) => void>();
  const prefix = '__keyspace@0__:';
  subscriber.on('pmessage', (_pattern: string, channel: string, event: string) => {
    if (event !== 'del') return;
    const key = channel.slice(prefix.length);
    removed.push(key);
    times.set(key, performance.now());
    for (const notify of waiting) notify(key);
  });
  await subscriber.psubscribe(`${prefix}*`);

  return {
    removed,
    removedAt: (key) => times.get(key),
    gone: async (keys, timeoutMs) => {
      const left = new Set(keys.filter((key) => !times.has(key)));
      if (left.size === 0) return true;
      return new Promise((resolve) => {
        const finish = (all: boolean): void => {
          clearTimeout(timer);
          waiting.delete(notify);
          resolve(all);
        };
        const notify = (key: string): void => {
          left.delete(key);
          if (left.size === 0) finish(true);
        };
        const timer = setTimeout(finish, timeoutMs, false);
        waiting.add(notify);
      });
    },
    caughtUp: async () => {
      await subscriber.ping();
    },
  };
}

async function select(pool: Pool, sql: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>(sql);
  return rows;
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, index) =>
    items.slice(index * CHUNK, (index + 1) * CHUNK),
  );
}
