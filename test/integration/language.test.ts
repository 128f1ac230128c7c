import type { PoolConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const TABLES = [
  'CREATE TABLE categories (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL)',
  'CREATE TABLE products (id INT PRIMARY KEY, category_id INT NOT NULL, KEY (category_id))',
  'CREATE TABLE links (id INT PRIMARY KEY, a INT, b INT)',
  'CREATE TABLE brands (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL)',
  'CREATE TABLE offers (id INT PRIMARY KEY, price INT NOT NULL DEFAULT 0)',
  'CREATE TABLE imports (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)',
  'CREATE TABLE articles (id INT PRIMARY KEY, title VARCHAR(20) NOT NULL)',
  'CREATE TABLE dual_names (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL)',
  'CREATE TABLE told (id INT PRIMARY KEY)',
];
const OUTBOX = `CREATE TABLE outbox (cache_key VARCHAR(100), cache_prefix VARCHAR(100), cache_generation VARCHAR(100))`;

/** The numbers from 1 on as rows: `INSERT INTO t (id) <this>`. */
const numbers = (count: number): string =>
  `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT i FROM n`;

describe.each(inject('servers').mysql)('the mapping language on $label', (server) => {
  let redis: TestRedisServer;
  let shop: Shop;
  let session: PoolConnection;
  let daemon: DaemonProcess;
  let late: string;

  beforeAll(async () => {
    // Of its own: what is counted here is everything that the daemon does to it.
    redis = await startRedisServer({ args: ['--stream-node-max-entries', '10'] });
    shop = await openShop(server, redis.url);
    const { name, account } = shop.db;
    late = `${name}late`;
    for (const statement of TABLES) await shop.db.query(statement);
    await shop.db.query(OUTBOX);
    await shop.db.query(`GRANT SELECT ON ${late}.* TO '${account.user}'@'%'`);
    session = await shop.db.pool.getConnection();
    if (server.flavour === 'mysql') await session.query('SET SESSION binlog_rows_query_log_events = ON');
    const key = (rest: string): string => shop.key(rest);
    daemon = await startDaemon(
      shop.config({
        source: { hints: true },
        rest: {
          publish: { channel: key('removed'), stream: key('removals'), max_len: 10 },
          rules: [
            { table: `${name}.fence`, key: key('fence:{id}') },
            {
              table: `${name}.categories`,
              lookup: `SELECT id FROM ${name}.products WHERE category_id = :id`,
              key: key('product:{lookup.id}'),
            },
            {
              table: `${name}.brands`,
              lookup: `SELECT id FROM ${name}.products WHERE id > :id`,
              key: key('branded:{lookup.id}'),
              max_keys: 2,
            },
            {
              table: `${name}.links`,
              lookup: `SELECT id FROM ${name}.products WHERE category_id = :a OR category_id = :b`,
              key: key('linked:{lookup.id}'),
            },
            { table: `${name}.offers`, generation: key('gen:{table}') },
            {
              table: `${name}.imports`,
              key: key('import:{id}'),
              generation: key('gen:imported'),
              max_keys_per_transaction: 10,
            },
            { table: `${name}.articles`, keys_from_set: key('tag:{id}') },
            { table: `${name}.dual_names`, keys: [key('dual:{id}'), key('name:{name}')] },
            { table: `/${name}\\.dual_.*/`, key: key('dual:{id}') },
            { table: `${name}.dual_*`, key: key('upper:{name | upper}'), when: { changed: ['name'] } },
            { table: `${late}*.items`, key: key('late:{schema}:item:{id}') },
            { table: `${name}.told`, key: key('told:{id}') },
            {
              outbox: `${name}.outbox`,
              key_column: 'cache_key',
              prefix_column: 'cache_prefix',
              generation_column: 'cache_generation',
              prefixes: [key('report:')],
            },
          ],
        },
      }),
    );
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    session?.release();
    await shop?.db.query(`DROP DATABASE IF EXISTS ${late}`);
    await shop?.close();
    await redis?.destroy();
  });

  const run = async (...statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await session.query(sql);
    await shop.settled();
  };
  /** Caches the keys, runs the statements, and resolves with what is left. */
  const leftAfter = async (keys: readonly string[], ...statements: readonly string[]): Promise<string[]> => {
    await shop.cache(...keys);
    await run(...statements);
    return shop.cached(keys);
  };
  const counter = async (rest: string): Promise<number> => Number(await shop.redis.get(shop.key(rest)));

  it('asks lookups by both images, by the old one also when its row is gone', async () => {
    await run(
      "INSERT INTO categories VALUES (1, 'a'), (2, 'b'), (3, 'c')",
      'INSERT INTO products VALUES (11, 1), (12, 1), (21, 2), (31, 3)',
    );
    const keys = ['product:11', 'product:12', 'product:21', 'product:31'];
    expect(await leftAfter(keys, "UPDATE categories SET name = 'x' WHERE id = 2")).toEqual([
      'product:11',
      'product:12',
      'product:31',
    ]);
    expect(await leftAfter(keys, 'DELETE FROM categories WHERE id = 1')).toEqual([
      'product:21',
      'product:31',
    ]);
    await run("INSERT INTO categories VALUES (1, 'a')");
    // 2 has become 9: whose products are cached under either is stale.
    expect(
      await leftAfter(
        [...keys, 'product:91'],
        'INSERT INTO products VALUES (91, 9)',
        'UPDATE categories SET id = 9 WHERE id = 2',
      ),
    ).toEqual(['product:11', 'product:12', 'product:31']);
  });

  it('asks lookups with NULL as well, which only the query knows how to take', async () => {
    await run('INSERT INTO links VALUES (1, NULL, 7)', 'INSERT INTO products VALUES (71, 7), (81, 8)');
    const keys = ['linked:71', 'linked:81'];
    expect(await leftAfter(keys, 'UPDATE links SET b = 8')).toEqual([]);
    expect(await leftAfter(keys, 'UPDATE links SET b = NULL')).toEqual(['linked:71']);
  });

  it('removes all keys of a rule whose lookup has too many rows, and counts that', async () => {
    const before = await daemon.metrics();
    const keys = ['branded:1', 'branded:31', 'branded:gone', 'brand'];
    expect(await leftAfter(keys, "INSERT INTO brands VALUES (0, 'x')")).toEqual(['brand']);
    const after = await daemon.metrics();
    const grown = (name: string, labels: Record<string, string>): number =>
      after.sum(name, labels) - before.sum(name, labels);
    expect(grown('unstale_lookup_total', { result: 'overflow' })).toBe(1);
    expect(grown('unstale_scope_invalidations_total', { reason: 'limit' })).toBe(1);
  });

  it('increments a generation once for all rows of a transaction, and once for a TRUNCATE', async () => {
    await run('INSERT INTO offers (id) VALUES (1)');
    const began = await counter('gen:offers');
    expect(began).toBeGreaterThan(1e15);
    expect(await leftAfter(['offer:1'], `INSERT INTO offers (id) ${numbers(300)} WHERE i > 1`)).toEqual([
      'offer:1',
    ]);
    expect(await counter('gen:offers')).toBe(began + 1);
    await run('TRUNCATE TABLE offers');
    expect(await counter('gen:offers')).toBe(began + 2);
  });

  it('lets a generation take the place of keys behind max_keys_per_transaction', async () => {
    await shop.redis.set(shop.key('gen:imported'), 100);
    const keys = Array.from({ length: 300 }, (_, index) => `import:${index + 1}`);
    expect(await leftAfter(keys, `INSERT INTO imports (id) ${numbers(10)}`)).toHaveLength(290);
    expect(await counter('gen:imported')).toBe(100);
    expect(await leftAfter(keys, `UPDATE imports SET n = 1`)).toHaveLength(290);
    expect(await counter('gen:imported')).toBe(100);
    const left = await leftAfter(keys, `INSERT INTO imports (id) ${numbers(300)} WHERE i > 10`);
    expect(left).toHaveLength(290);
    expect(await counter('gen:imported')).toBe(101);
    await run('TRUNCATE TABLE imports');
    expect(await counter('gen:imported')).toBe(102);
  });

  it('removes the keys that sets name, of all sets at a TRUNCATE, and what should be a set', async () => {
    const fill = async (): Promise<void> => {
      await shop.cache('page:1', 'page:2', 'page:3');
      await shop.redis.sadd(shop.key('tag:1'), shop.key('page:1'), shop.key('page:2'), shop.key('page:none'));
      await shop.redis.sadd(shop.key('tag:2'), shop.key('page:3'));
    };
    await fill();
    await run("INSERT INTO articles VALUES (1, 'x')");
    expect(await shop.cached(['page:1', 'page:2', 'page:3'])).toEqual(['page:3']);
    expect(await shop.redis.exists(shop.key('tag:1'))).toBe(0);
    await fill();
    await shop.cache('tag:3');
    await run('TRUNCATE TABLE articles');
    expect(await shop.cached(['page:1', 'page:2', 'page:3', 'tag:3'])).toEqual([]);
    expect(await shop.redis.exists(shop.key('tag:1'), shop.key('tag:2'))).toBe(0);
    const line = await daemon.logged('no set', ({ msg }) => String(msg).includes('should be a set'));
    expect(line['level']).toBe('warn');
  });

  it('deletes a key that several rules on a table name, once', async () => {
    await run("INSERT INTO dual_names VALUES (1, 'a')");
    // A reply is counted a moment after the key is gone.
    await drained(shop, daemon);
    const before = await daemon.metrics();
    const keys = ['dual:1', 'name:a', 'name:b', 'upper:A', 'upper:B'];
    expect(await leftAfter(keys, "UPDATE dual_names SET name = 'b'")).toEqual([]);
    await drained(shop, daemon);
    const deletes = { kind: 'delete', result: 'removed' };
    const after = await daemon.metrics();
    const [now, then] = [after, before].map((metrics) => metrics.sum('unstale_commands_total', deletes));
    // And two fences, of two batches each.
    expect(Number(now) - Number(then)).toBe(keys.length + 4);
    expect(await leftAfter(keys, 'UPDATE dual_names SET id = 2')).toEqual(['name:a', 'upper:A', 'upper:B']);
  });

  it('follows a table that a pattern selects from its creation on', async () => {
    const keys = [`late:${late}:item:1`, `late:${late}:item:2`, `late:${late}:other:1`];
    expect(
      await leftAfter(
        keys,
        `CREATE DATABASE ${late}`,
        `CREATE TABLE ${late}.items (id INT PRIMARY KEY)`,
        `CREATE TABLE ${late}.others (id INT PRIMARY KEY)`,
        `INSERT INTO ${late}.items VALUES (1)`,
        `INSERT INTO ${late}.others VALUES (1)`,
      ),
    ).toEqual([keys[1], keys[2]]);
    expect(await leftAfter(keys, `DROP DATABASE ${late}`)).toEqual([keys[2]]);
  });

  it.for(['InnoDB', 'BLACKHOLE'])(
    'takes keys, prefixes and generations from an outbox of the engine %s',
    async (engine, { skip }) => {
      const engines = await shop.db.query('SHOW ENGINES');
      const isThere = engines.some((row) => String(row['Engine']).toUpperCase() === engine.toUpperCase());
      // MySQL has it built in.
      if (!isThere) expect(server.flavour).toBe('mariadb');
      if (!isThere) skip(`this MariaDB has no plugin for ${engine}`);
      await run('DROP TABLE outbox', `${OUTBOX} ENGINE = ${engine}`);
      await shop.redis.set(shop.key('gen:out'), 7);
      const keys = ['plain', 'plain:1', 'report:1', 'report:*', 'report:*:x', 'other'];
      const insert = (...values: readonly (string | null)[]): string =>
        `INSERT INTO outbox VALUES (${values.map((value) => (value === null ? 'NULL' : `'${shop.key(value)}'`)).join()})`;
      expect(
        await leftAfter(
          keys,
          'START TRANSACTION',
          insert('plain', null, 'gen:out'),
          insert(null, 'report:*', 'gen:out'),
          insert(null, null, null),
          'COMMIT',
          'START TRANSACTION',
          insert('other', null, null),
          'ROLLBACK',
        ),
      ).toEqual(['plain:1', 'report:1', 'other']);
      expect(await counter('gen:out')).toBe(8);
      expect(await leftAfter(keys, 'DELETE FROM outbox', 'TRUNCATE TABLE outbox')).toEqual(keys);
      await run('ALTER TABLE outbox ADD COLUMN id INT PRIMARY KEY');
      const replace = (key: string): string =>
        `REPLACE INTO outbox VALUES ('${shop.key(key)}', NULL, NULL, 1)`;
      expect(await leftAfter(keys, replace('plain'), replace('other'))).toEqual([
        'plain:1',
        'report:1',
        'report:*',
        'report:*:x',
      ]);
    },
  );

  it('deletes what comments of statements name, and counts the texts that are too long to be searched', async () => {
    const hint = (rest: string): string => `/* unstale: ${shop.key(rest)} */`;
    const keys = ['hint:1', 'hint:2', 'hint:3', 'hint:4'];
    const unread = async (): Promise<number> => (await daemon.metrics()).sum('unstale_hints_unread_total');
    expect(
      await leftAfter(
        keys,
        `INSERT INTO unmapped (id) VALUES (1) ${hint('hint:1')}`,
        `UPDATE unmapped SET n = 1 ${hint('hint:2')}`,
        `UPDATE unmapped SET n = 1 WHERE id = 99 ${hint('hint:3')}`,
      ),
    ).toEqual(['hint:3', 'hint:4']);
    expect(await unread()).toBe(0);
    await run(`UPDATE unmapped SET n = 2 ${hint('hint:4')} /* ${'x'.repeat(70_000)} */`);
    expect(await shop.cached(['hint:4'])).toEqual(['hint:4']);
    expect(await unread()).toBe(1);
    await daemon.logged('unread', ({ code }) => code === 'UNSTALE_HINT_UNREAD');
  });

  it('tells of every key on a channel and a stream, after its delete', async () => {
    const subscriber = shop.redis.duplicate();
    const stillThere: Promise<number>[] = [];
    const heard = { keys: new Set<string>(), generations: new Set<string>(), patterns: new Set<string>() };
    subscriber.on('message', (_channel, text) => {
      const message: Record<keyof typeof heard, string[]> = JSON.parse(text);
      expect(message.keys.length).toBeLessThanOrEqual(500);
      for (const name of ['keys', 'generations', 'patterns'] as const) {
        for (const key of message[name]) heard[name].add(key);
      }
      if (message.keys.length > 0) stillThere.push(shop.redis.exists(message.keys));
    });
    await subscriber.subscribe(shop.key('removed'));
    const rests = Array.from({ length: 900 }, (_, index) => `told:${index + 1}`);
    await shop.cache(...rests, 'told:old');
    for (let id = 1; id <= 60; id += 1) await session.query(`INSERT INTO told VALUES (${id})`);
    await run(`INSERT INTO told ${numbers(900)} WHERE i > 60`, 'INSERT INTO offers (id) VALUES (1)');
    expect(await shop.cached(rests)).toEqual([]);
    await run('TRUNCATE TABLE told');
    const everything = rests.map((rest) => shop.key(rest));
    await eventually('every message', () => heard.patterns.has(shop.key('told:*')));
    expect(everything.filter((key) => !heard.keys.has(key))).toEqual([]);
    expect(heard.generations).toContain(shop.key('gen:offers'));
    expect(new Set(await Promise.all(stillThere))).toEqual(new Set([0]));
    subscriber.disconnect();

    const entries = await shop.redis.xrevrange(shop.key('removals'), '+', '-');
    // Redis trims whole nodes, here of ten entries.
    expect(entries.length).toBeGreaterThanOrEqual(10);
    expect(entries.length).toBeLessThanOrEqual(20);
    const fields = entries.map(([, [field = '']]) => field);
    expect(new Set(fields)).toEqual(new Set(['message']));
    expect(JSON.stringify(entries)).toContain(shop.key('told:*'));
  });
});
