import type { Shop } from './shop.ts';

/** Changes of every kind that rules can react to, and what they made stale. */
export interface LanguageLoad {
  /** The rules for it. */
  readonly rules: readonly object[];
  /** Commits so many rounds, each with a change for every rule. Keys are cached before the change is committed. */
  more(rounds: number): Promise<void>;
  /** What is still there although a change has made it stale. */
  lost(): Promise<readonly string[]>;
  /** Keys that no change has touched and that are gone. */
  removedWrongly(): Promise<readonly string[]>;
}

export interface LanguageLoadOptions {
  /** Deletes of users in a second. */
  readonly maxDeletesPerSecond: number;
}

const TABLES = [
  'CREATE TABLE categories (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)',
  'CREATE TABLE products (id INT PRIMARY KEY, category_id INT NOT NULL, KEY (category_id))',
  'CREATE TABLE articles (id INT PRIMARY KEY)',
  'CREATE TABLE offers (id INT PRIMARY KEY)',
  'CREATE TABLE outbox (cache_key VARCHAR(100))',
];
const BYSTANDERS = ['user:0', 'product:0', 'page:0', 'report:0'];

/** Creates the tables of the load in the shop. */
export async function openLanguageLoad(
  { db, redis, key, cache, cached }: Pick<Shop, 'db' | 'redis' | 'key' | 'cache' | 'cached'>,
  { maxDeletesPerSecond }: LanguageLoadOptions,
): Promise<LanguageLoad> {
  for (const statement of TABLES) await db.query(statement);
  await cache(...BYSTANDERS);
  const stale: string[] = [];
  const tags: string[] = [];
  let last = 0;
  let generation: string | null = null;

  const round = async (): Promise<void> => {
    last += 1;
    const id = last;
    const products = [10 * id, 10 * id + 1, 10 * id + 2];
    await db.query(`INSERT INTO categories (id) VALUES (${id})`);
    await db.query(`INSERT INTO products VALUES ${products.map((product) => `(${product}, ${id})`).join()}`);
    const willGo = [
      `user:${id}`,
      `page:${id}`,
      `report:${id}`,
      ...products.map((product) => `product:${product}`),
    ];
    const tag = key(`tag:${id}`);
    await redis
      .multi()
      .sadd(tag, key(`page:${id}`))
      .exec();
    await cache(...willGo);
    stale.push(...willGo);
    tags.push(tag);
    generation = await redis.get(key('gen'));
    await db.query(`INSERT INTO users (id) VALUES (${id})`);
    await db.query(`UPDATE categories SET n = n + 1 WHERE id = ${id}`);
    await db.query(`INSERT INTO articles VALUES (${id})`);
    await db.query('INSERT INTO outbox VALUES (?)', [key(`report:${id}`)]);
    await db.query(`INSERT INTO offers VALUES (${id})`);
  };

  return {
    rules: [
      { table: `${db.name}.fence`, key: key('fence:{id}') },
      { table: `${db.name}.users`, key: key('user:{id}'), max_deletes_per_second: maxDeletesPerSecond },
      {
        table: `${db.name}.categories`,
        lookup: `SELECT id FROM ${db.name}.products WHERE category_id = :id`,
        key: key('product:{lookup.id}'),
      },
      { table: `${db.name}.articles`, keys_from_set: key('tag:{id}') },
      { table: `${db.name}.offers`, generation: key('gen') },
      { outbox: `${db.name}.outbox`, key_column: 'cache_key' },
    ],
    more: async (rounds) => {
      for (let done = 0; done < rounds; done += 1) await round();
    },
    lost: async () => {
      const sets = tags.length === 0 ? 0 : await redis.exists(tags);
      const now = await redis.get(key('gen'));
      return [
        ...(await cached(stale)),
        ...(sets > 0 ? [`${sets} sets`] : []),
        ...(now === generation ? ['the generation'] : []),
      ];
    },
    removedWrongly: async () => {
      const left = await cached(BYSTANDERS);
      return BYSTANDERS.filter((rest) => !left.includes(rest));
    },
  };
}
