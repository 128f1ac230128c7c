import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createReader, fromIoredis } from '../../src/reader/index.ts';
import { lockName } from '../../src/state/lock-name.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { leads, standsBy } from '../support/leaders.ts';
import type { Member } from '../support/leaders.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const servers = inject('servers');
const IDS = Array.from({ length: 20 }, (_, index) => index + 1);

/**
 * The worst case: the server frees the lock and the leader cannot hear of it, so that it works on until its lease has run
 * out, and late too. Both read the binlog, because they have server ids of their own.
 */
describe.each(servers.mysql)('two leaders at once, the source is $label', (server) => {
  let shop: Shop;
  let old: Member & { readonly redis: TcpProxy };
  let next: typeof old;

  const start = async (serverId: number): Promise<typeof old> => {
    const url = new URL(shop.db.url);
    const mysql = await startTcpProxy({ port: Number(url.port) });
    url.port = String(mysql.port);
    const redis = await startTcpProxy({ port: Number(new URL(servers.redis.url).port) });
    const products = `${shop.db.name}.products`;
    const versioned = { action: 'update', version: { column: 'v' }, ttl: '10m', create: true };
    const daemon = await startDaemon(
      shop.config({
        source: { server_id: serverId },
        state: { url: url.href, lease_timeout: '4s' },
        redis: { url: `redis://127.0.0.1:${redis.port}` },
        rest: {
          rules: [
            { table: products, key: shop.key('leased:{id}') },
            {
              ...versioned,
              table: products,
              key: shop.key('stored:{id}'),
              value: { format: 'string', columns: ['n'] },
            },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    await daemon.ready();
    return { daemon, mysql, redis };
  };

  beforeEach(async () => {
    shop = await openShop(server, servers.redis.url);
    await shop.db.query(
      'CREATE TABLE products (id INT PRIMARY KEY, n INT NOT NULL, v BIGINT UNSIGNED NOT NULL)',
    );
    await shop.db.query(`INSERT INTO products VALUES ${IDS.map((id) => `(${id}, 0, 1)`).join()}`);
    old = await start(910_001);
    next = await start(910_002);
  });
  afterEach(async () => {
    for (const { daemon, mysql, redis } of [old, next]) {
      await daemon.kill();
      await mysql.close();
      await redis.close();
    }
    await shop.close();
  });

  it('leave nothing stale: neither a value that a rule stores nor one that a reader fills', async () => {
    const reader = createReader({ redis: fromIoredis(shop.redis), source: 'primary', redisTimeout: '5s' });
    const at = { work: true, read: true };
    const nOf = async (id: number): Promise<number> =>
      Number((await shop.db.query('SELECT n FROM products WHERE id = ?', [id]))[0]?.['n']);
    const reading = (async () => {
      for (let turn = 0; at.read; turn += 1) {
        const id = IDS[turn % IDS.length]!;
        await reader.get(shop.key(`leased:${id}`), () => nOf(id));
      }
    })();
    const writing = (async () => {
      while (at.work) {
        for (const id of IDS)
          await shop.db.query('UPDATE products SET n = n + 1, v = v + 1 WHERE id = ?', [id]);
      }
    })();
    const cachedAs = (name: string): Promise<(string | null)[]> =>
      shop.redis.mget(...IDS.map((id) => shop.key(`${name}:${id}`)));
    const applied = async (): Promise<number> => (await old.daemon.metrics()).sum('unstale_commands_total');

    old.redis.delay(300);
    old.mysql.freeze();
    const lock = lockName(shop.db.stateDatabase, shop.db.name);
    const [row] = await shop.db.query('SELECT IS_USED_LOCK(?) AS holder', [lock]);
    await shop.db.query(`KILL ${Number(row?.['holder'])}`);
    await eventually('both lead', async () => (await leads(next.daemon)) && (await leads(old.daemon)));
    const before = await applied();
    await eventually('the lease has run out', async () => !(await leads(old.daemon)));
    const during = (await applied()) - before;
    old.mysql.thaw();
    await standsBy(old);
    at.work = false;
    await writing;
    await shop.settled();
    // What is stale now would stay: readers only fill what is missing.
    await eventually('readers have filled all keys', async () => (await cachedAs('leased')).every(Boolean));
    at.read = false;
    await reading;
    const refused = (await old.daemon.metrics()).sum('unstale_commands_total', { result: 'refused' });
    console.log(
      `two leaders: the old one sent ${during} more commands, late; ${refused} values of its were refused`,
    );
    expect(during).toBeGreaterThan(0);

    const rows = await shop.db.query('SELECT id, n FROM products ORDER BY id');
    const now = rows.map(({ n }) => String(n));
    expect(
      (await cachedAs('stored')).filter((value, index) => value !== null && value !== now[index]),
    ).toEqual([]);
    expect(await cachedAs('leased')).toEqual(now);
    const [position] = await shop.db.query(`SELECT fencing_token FROM ${shop.db.stateDatabase}.positions`);
    expect(Number(position?.['fencing_token'])).toBe(2);
    reader.close();
  });
});
