import { Redis } from 'ioredis';
import { createDatabase } from './database.ts';
import type { DatabaseServer, TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';

const TABLES = [
  `CREATE TABLE users (
     id BIGINT UNSIGNED PRIMARY KEY, email VARCHAR(100) NULL UNIQUE, name VARCHAR(50) NOT NULL DEFAULT '')`,
  `CREATE TABLE profiles (
     user_id BIGINT UNSIGNED PRIMARY KEY, bio TEXT,
     FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)`,
  `CREATE TABLE order_items (
     order_id INT NOT NULL, line_no INT NOT NULL, sku VARCHAR(20) NOT NULL DEFAULT '', PRIMARY KEY (order_id, line_no))`,
  `CREATE TABLE visits (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0) ENGINE = MyISAM`,
  `CREATE TABLE unmapped (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)`,
  `CREATE TABLE fence (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)`,
  `INSERT INTO fence VALUES (1, 0)`,
];

export interface Shop {
  readonly db: TestDatabase;
  readonly redis: Redis;
  /** Key names are prefixed with the schema, so that tests share one Redis. */
  readonly key: (rest: string) => string;
  /** Configuration of a daemon for this shop. */
  config(overrides?: ConfigOverrides): Record<string, unknown>;
  /** Caches values under these keys, as an application would. */
  cache(...rests: string[]): Promise<void>;
  /** Which of the keys are cached. */
  cached(rests: readonly string[]): Promise<string[]>;
  /**
   * Resolves when the daemon has worked off a change that this call commits, and with it, as long as nothing has
   * to be sent again and batches go one after the other, everything that was committed before.
   */
  settled(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export interface ConfigOverrides {
  readonly source?: Readonly<Record<string, unknown>>;
  readonly redis?: Readonly<Record<string, unknown>>;
  readonly state?: Readonly<Record<string, unknown>>;
  readonly rest?: Readonly<Record<string, unknown>>;
}

export interface ShopOptions {
  /**
   * Batches that the daemon may have under way at the same time. One after the other, which is the default here, what
   * is settled includes everything before it; with more, a later batch may overtake an earlier one.
   */
  readonly inFlight?: number;
}

/** A small shop on a server: its tables, its Redis client, and what a daemon needs to follow it. */
export async function openShop(
  server: DatabaseServer,
  redisUrl: string,
  { inFlight = 1 }: ShopOptions = {},
): Promise<Shop> {
  const db = await createDatabase(server);
  for (const statement of TABLES) await db.query(statement);
  const redis = new Redis(redisUrl, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  let fences = 1;
  const key = (rest: string): string => `${db.name}:${rest}`;
  const cache = async (...rests: string[]): Promise<void> => {
    if (rests.length > 0) await redis.mset(Object.fromEntries(rests.map((rest) => [key(rest), 'cached'])));
  };
  const cached = async (rests: readonly string[]): Promise<string[]> => {
    if (rests.length === 0) return [];
    const values = await redis.mget(...rests.map(key));
    return rests.filter((_, index) => values[index] !== null);
  };
  return {
    db,
    redis,
    key,
    cache,
    cached,
    config: (overrides = {}) => ({
      client_id: db.name,
      source: { url: db.url, heartbeat_interval: '500ms', ...overrides.source },
      state: { database: db.stateDatabase, flush_interval: '200ms', ...overrides.state },
      // Other tests' keys are in the same Redis: a scope should not wait for looking at them.
      redis: { url: redisUrl, scope_scan_rate: 'unlimited', ...overrides.redis },
      batch: { in_flight: inFlight },
      admin: {},
      rules: [
        { table: `${db.name}.users`, keys: [key('user:{id}'), key('user:by-email:{email}')] },
        { table: `${db.name}.profiles`, key: key('profile:{user_id}') },
        { table: `${db.name}.order_items`, key: key('item:{order_id}:{line_no}') },
        { table: `${db.name}.visits`, key: key('visit:{id}') },
        { table: `${db.name}.fence`, key: key('fence:{id}') },
      ],
      ...overrides.rest,
    }),
    settled: async (timeoutMs = 20_000) => {
      // Commands of one batch are sent side by side: only a later batch tells that all of one are done.
      for (let batch = 1; batch <= 2; batch += 1) {
        // A row of its own: a daemon that resumes repeats the changes of earlier ones.
        fences += 1;
        const fence = `fence:${fences}`;
        await cache(fence);
        await db.query('INSERT INTO fence VALUES (?, 0)', [fences]);
        await eventually(
          'the fence row is worked off',
          () => cached([fence]),
          (left) => left.length === 0,
          { timeoutMs, intervalMs: 5 },
        );
      }
    },
    close: async () => {
      redis.disconnect();
      await db.drop();
    },
  };
}
