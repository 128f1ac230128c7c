import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createReader, fromIoredis } from '../../src/reader/index.ts';
import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { fill, getOrLease } from '../../src/protocol/scripts.ts';
import type { FillReply, ReadSource } from '../../src/protocol/scripts.ts';
import type { ScriptCall } from '../../src/protocol/script.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { anyMysql } from '../support/mysql-servers.ts';

const servers = inject('servers');
const TOMBSTONE = 60_000;

describe.each(anyMysql())('guards on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess | undefined;

  beforeEach(async () => {
    shop = await openShop(server, servers.redis.url);
    await shop.db.query(
      `CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10,2), stock BIGINT UNSIGNED,
        made DATETIME(3) NULL, sold TINYINT(1) NOT NULL DEFAULT 0, v BIGINT UNSIGNED NOT NULL DEFAULT 1)`,
    );
  });
  afterEach(async () => {
    await daemon?.kill();
    daemon = undefined;
    await shop.close();
  });

  const start = async (
    rules: readonly object[],
    rest: object = {},
    state: Readonly<Record<string, unknown>> = {},
    redis: Readonly<Record<string, unknown>> = {},
  ): Promise<DaemonProcess> => {
    const table = (name: string): string => `${shop.db.name}.${name}`;
    const fence = { table: table('fence'), key: `${shop.db.name}:fence:{id}` };
    const placed = rules.map((rule) => ({
      table: table('products'),
      key: `${shop.db.name}:p:{id}`,
      ...rule,
    }));
    daemon = await startDaemon(shop.config({ state, redis, rest: { ...rest, rules: [...placed, fence] } }));
    await daemon.ready();
    return daemon;
  };
  const run = async <Reply>({ script, keys, args, read }: ScriptCall<Reply>): Promise<Reply> =>
    read(await shop.redis.eval(script.source, keys.length, ...keys, ...args));
  const lease = async (key: string, token: string) => run(getOrLease({ key, token, leaseMs: 30_000 }));
  const fillWith = async (
    key: string,
    token: string,
    more: { version?: number; source?: ReadSource } = {},
  ): Promise<FillReply> =>
    run(
      fill({
        key,
        token,
        value: 'old',
        ttlMs: 60_000,
        version: more.version === undefined ? undefined : rowVersion(more.version),
        source: more.source ?? 'primary',
        tombstoneMs: TOMBSTONE,
      }),
    );

  it('void the lease of a reader that read before the change', async () => {
    await start([{}]);
    const key = shop.key('p:1');
    await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'a')");
    await shop.settled();
    expect(await lease(key, 'before')).toMatchObject({ kind: 'lease' });
    await shop.db.query("UPDATE products SET name = 'b' WHERE id = 1");
    await shop.settled();
    expect(await fillWith(key, 'before')).toBe('voided');
    expect(await lease(key, 'after')).toMatchObject({ kind: 'lease' });
    expect(await fillWith(key, 'after')).toBe('stored');
  });

  it('void leases of all keys of a scope', async () => {
    await start([{}]);
    const keys = ['p:1', 'p:{tagged}2', 'p:odd}3'].map(shop.key);
    for (const key of keys) expect(await lease(key, 'before')).toMatchObject({ kind: 'lease' });
    await shop.db.query('TRUNCATE TABLE products');
    await shop.settled();
    for (const key of keys) expect(await fillWith(key, 'before')).toBe('voided');
  });

  it('leave no companion behind with guard: none', async () => {
    await start([{}], { guard: 'none' });
    const key = shop.key('p:1');
    await lease(key, 'before');
    await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'a')");
    await shop.settled();
    expect(await fillWith(key, 'before')).toBe('stored');
  });

  it('send readers to the primary for as long as replicas may lack the change', async () => {
    await start([{ replica_hold: '1m' }]);
    const key = shop.key('p:1');
    await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'a')");
    await shop.settled();
    const leased = await lease(key, 'after');
    expect(leased).toMatchObject({ kind: 'lease', gtid: expect.stringMatching(/\d/) });
    if (leased.kind === 'lease') expect(leased.holdMs).toBeGreaterThan(30_000);
    expect(await fillWith(key, 'after', { source: 'replica', version: 9 })).toBe('hold');
  });

  it('refuse versions below the last change, and those of a deleted row, but not of one that came again', async () => {
    await start([{ guard: 'version', version: { column: 'v' } }]);
    const key = shop.key('p:1');
    const filled = async (version: number): Promise<FillReply> => {
      await shop.redis.del(key);
      const token = `t${version}${Math.random()}`;
      await lease(key, token);
      return fillWith(key, token, { version, source: 'replica' });
    };
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'a', 5)");
    await shop.settled();
    expect(await filled(4)).toBe('outdated');
    expect(await filled(5)).toBe('stored');
    await shop.db.query('DELETE FROM products WHERE id = 1');
    await shop.settled();
    expect(await shop.redis.exists(key)).toBe(0);
    expect(await filled(5)).toBe('outdated');
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'b', 6)");
    await shop.settled();
    expect(await filled(6)).toBe('stored');
  });

  const value = {
    columns: [
      'id',
      { column: 'name', as: 'title' },
      { column: 'price', format: 'number' },
      { column: 'stock', format: 'number' },
      { column: 'made', format: 'utc' },
      { column: 'sold', format: 'boolean' },
    ],
  };
  const updates = { action: 'update', version: { column: 'v' }, value, ttl: '10m', ttl_jitter: '10%' };

  it('let updates store exact values of cached rows, and create keys only where asked', async () => {
    await start([{ ...updates }, { ...updates, key: `${shop.db.name}:all:{id}`, create: true }]);
    const insert = `INSERT INTO products VALUES (1, 'a "b"', 1234567.10, 18446744073709551615, '2026-01-31 12:00:00.5', 1, 5)`;
    await shop.db.query(insert);
    await shop.settled();
    const text =
      '{"id":1,"title":"a \\"b\\"","price":1234567.10,"stock":18446744073709551615,' +
      '"made":"2026-01-31T12:00:00.500Z","sold":true}';
    expect(await shop.redis.get(shop.key('all:1'))).toBe(text);
    expect(await shop.redis.get(shop.key('p:1'))).toBeNull();

    await lease(shop.key('p:1'), 'first');
    expect(await fillWith(shop.key('p:1'), 'first', { version: 5 })).toBe('stored');
    await shop.db.query('UPDATE products SET v = 6, sold = 0, made = NULL WHERE id = 1');
    await shop.settled();
    const changed = text.replace('"2026-01-31T12:00:00.500Z"', 'null').replace('true', 'false');
    expect(await shop.redis.mget(shop.key('p:1'), shop.key('all:1'))).toEqual([changed, changed]);
    const ttl = await shop.redis.pttl(shop.key('p:1'));
    expect(ttl).toBeGreaterThan(500_000);
    expect(ttl).toBeLessThanOrEqual(600_000);

    await shop.db.query('DELETE FROM products WHERE id = 1');
    await shop.settled();
    expect(await shop.redis.exists(shop.key('p:1'), shop.key('all:1'))).toBe(0);
  });

  it('remove the value whose version contradicts the order of the commits', async () => {
    const daemon = await start([{ ...updates, create: true }]);
    const key = shop.key('p:1');
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'new', 9)");
    await shop.settled();
    expect(await shop.redis.get(key)).toContain('new');
    await shop.db.query("UPDATE products SET name = 'later', v = 8 WHERE id = 1");
    await shop.settled();
    expect(await shop.redis.get(key)).toBeNull();
    const refused = { kind: 'update', result: 'refused' };
    expect((await daemon.metrics()).sum('unstale_commands_total', refused)).toBe(1);
  });

  it('order values by the binlog where no column does, within a transaction too', async () => {
    await start([{ ...updates, version: 'binlog', create: true }]);
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'a', 9), (2, 'x', 1)");
    await shop.settled();
    await shop.db.query("UPDATE products SET name = 'b', v = 1 WHERE id = 1");
    await shop.settled();
    expect(await shop.redis.get(shop.key('p:1'))).toContain('"b"');
    const floor = await shop.redis.hget(companionKey(shop.key('p:1')), 'f');
    expect(floor).toHaveLength(47);
  });

  it('follow a row to another key, and out of the condition', async () => {
    await start([{ ...updates, key: `${shop.db.name}:n:{name}`, create: true, where: { sold: 0 } }]);
    const cached = async (...names: string[]): Promise<(boolean | null)[]> =>
      (await shop.redis.mget(...names.map((name) => shop.key(`n:${name}`)))).map((text) => text !== null);
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'a', 1), (2, 'c', 1)");
    await shop.settled();
    expect(await cached('a', 'b', 'c')).toEqual([true, false, true]);
    await shop.db.query("UPDATE products SET name = 'b', v = 2 WHERE id = 1");
    await shop.db.query('UPDATE products SET sold = 1, v = 2 WHERE id = 2');
    await shop.settled();
    expect(await cached('a', 'b', 'c')).toEqual([false, true, false]);
  });

  it('store strings and hashes', async () => {
    await start([
      { ...updates, create: true, value: { format: 'string', columns: ['name'] } },
      {
        ...updates,
        key: `${shop.db.name}:h:{id}`,
        create: true,
        value: {
          format: 'hash',
          columns: ['id', { column: 'made', format: 'iso' }, { column: 'name', as: 'n' }],
        },
      },
    ]);
    await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'é')");
    await shop.settled();
    expect(await shop.redis.get(shop.key('p:1'))).toBe('é');
    expect(await shop.redis.hgetall(shop.key('h:1'))).toEqual({ id: '1', n: 'é' });
    await shop.db.query("UPDATE products SET name = NULL, v = 2, made = '2026-01-02 03:04:05' WHERE id = 1");
    await shop.settled();
    expect(await shop.redis.exists(shop.key('p:1'))).toBe(0);
    expect(await shop.redis.hgetall(shop.key('h:1'))).toEqual({ id: '1', made: '2026-01-02T03:04:05.000' });
  });

  it('store no value while a restart repeats what may have been applied', async () => {
    const first = await start([{ ...updates, create: true }], {}, { flush_interval: '1m' });
    await shop.db.query("INSERT INTO products (id, name, v) VALUES (1, 'a', 1)");
    await shop.settled();
    await first.kill();
    await shop.db.query("UPDATE products SET name = 'b', v = 2 WHERE id = 1");
    const again = await start([{ ...updates, create: true }]);
    await shop.settled();
    await again.logged('the end of the replay', ({ msg }) => String(msg).includes('values are stored again'));
    await shop.settled();
    expect(await shop.redis.get(shop.key('p:1'))).toBeNull();
    await shop.db.query("UPDATE products SET name = 'c', v = 3 WHERE id = 1");
    await shop.settled();
    expect(await shop.redis.get(shop.key('p:1'))).toContain('"c"');
  });

  it('repeat deletes after each delay, and again after a crash in between', async () => {
    const rules = [{ guard: 'none', redelete: ['300ms', '2s'] }];
    const first = await start(rules);
    const key = shop.key('p:1');
    const gone = (): Promise<boolean> => shop.redis.exists(key).then((count) => count === 0);
    await shop.cache('p:1');
    await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'a')");
    await eventually('the first delete', gone);
    await shop.cache('p:1');
    await eventually('the first repetition', gone);
    await shop.cache('p:1');
    await first.kill();
    expect(await gone()).toBe(false);
    await start(rules);
    await eventually('the delete of the next start', gone);
    await shop.cache('p:1');
    await eventually('its first repetition', gone);
    await shop.cache('p:1');
    await eventually('its last repetition', gone);
  });

  it('have a version column that only grows, with the statements of docs/guards.md', async () => {
    const docs = await readFile(new URL('../../docs/guards.md', import.meta.url), 'utf8');
    const [, sql = ''] = /```sql\n(.*?)```/s.exec(docs) ?? [];
    for (const statement of sql.split(';').filter((text) => text.trim() !== ''))
      await shop.db.query(statement.replaceAll('shop.', `${shop.db.name}.`));
    const versions: bigint[] = [];
    const run = async (statement: string): Promise<void> => {
      await shop.db.query(statement);
      const [row] = await shop.db.query('SELECT CAST(MAX(row_version) AS CHAR) AS v FROM products');
      const version = row?.['v'];
      if (typeof version === 'string') versions.push(BigInt(version));
    };
    await run('INSERT INTO products (id) VALUES (1)');
    for (let stock = 0; stock < 3; stock += 1) await run(`UPDATE products SET stock = ${stock}`);
    await run('UPDATE products SET row_version = 1');
    await run('DELETE FROM products');
    await run('INSERT INTO products (id) VALUES (1)');
    expect(versions).toHaveLength(6);
    expect(new Set(versions).size).toBe(6);
    expect(versions.toSorted((one, other) => (one < other ? -1 : 1))).toEqual(versions);
  });

  it('warn at the start of keys whose versions come from two columns', async () => {
    const daemon = await start(
      ['v', 'stock'].map((column) => ({ guard: 'version', version: { column }, on: ['insert', 'update'] })),
    );
    const line = await daemon.logged('the warning', ({ code }) => code === 'UNSTALE_VERSION_SOURCES');
    expect(line['msg']).toContain('rules[0]');
  });

  it('let a reader wait for its own change', async () => {
    await start([{}], {}, {}, { applied_interval: '20ms' });
    const reader = createReader({
      redis: fromIoredis(shop.redis),
      source: 'primary',
      clientId: shop.db.name,
    });
    try {
      const row = async (): Promise<string | null> => {
        const [found] = await shop.db.query('SELECT name FROM products WHERE id = 1');
        return typeof found?.['name'] === 'string' ? found['name'] : null;
      };
      const get = (): Promise<unknown> => reader.get(shop.key('p:1'), row);
      await shop.db.query("INSERT INTO products (id, name) VALUES (1, 'a')");
      await shop.settled();
      expect(await get()).toBe('a');
      await shop.db.query("UPDATE products SET name = 'b' WHERE id = 1");
      const gtid = await executedGtids(shop);
      expect(await reader.waitFor(gtid, { timeout: '10s' })).toBe(true);
      expect(await get()).toBe('b');
      const future = server.flavour === 'mysql' ? gtid.replace(/:.*/s, ':1-999999999') : '0-1-999999999';
      expect(await reader.waitFor(future, { timeout: '50ms' })).toBe(false);
    } finally {
      reader.close();
    }
  });
});

async function executedGtids(shop: Shop): Promise<string> {
  const [row] = await shop.db
    .query('SELECT @@GLOBAL.gtid_executed AS gtids')
    .catch(() => shop.db.query('SELECT @@GLOBAL.gtid_binlog_pos AS gtids'));
  return String(row?.['gtids']);
}
