import { Redis } from 'ioredis';
import { createPool } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import type { TestMysqlServer } from './provider.ts';
import type { Shop } from './shop.ts';

const READERS = 8;

export interface Refiller {
  /** Keys that were filled again since the start. */
  readonly filled: number;
  close(): Promise<void>;
}

/**
 * A reader that fills each key of a user again as soon as it is deleted. Its SELECT begins after it has seen the
 * key gone, so what it caches is old only if the delete came before the change could be read on `server`. Redis
 * has to notify of deletes (`Eg`).
 */
export async function startRefiller(
  shop: Shop,
  server: TestMysqlServer,
  redisUrl: string,
): Promise<Refiller> {
  const pool = createPool({ uri: server.rootUrl, database: shop.db.name, connectionLimit: READERS });
  const events = new Redis(redisUrl);
  const running = new Set<Promise<void>>();
  const prefix = shop.key('user:');
  let filled = 0;
  const refill = async (key: string): Promise<void> => {
    const [rows] = await pool.query<RowDataPacket[]>('SELECT name FROM users WHERE id = ?', [
      Number(key.slice(prefix.length)),
    ]);
    await shop.redis.set(key, String(rows[0]?.['name']));
    filled += 1;
  };
  events.on('message', (_channel, key: string) => {
    if (!/^\d+$/.test(key.startsWith(prefix) ? key.slice(prefix.length) : '')) return;
    const task = refill(key).finally(() => running.delete(task));
    running.add(task);
  });
  await events.subscribe('__keyevent@0__:del');
  return {
    get filled() {
      return filled;
    },
    close: async () => {
      await Promise.all(running);
      events.disconnect();
      await pool.end();
    },
  };
}
