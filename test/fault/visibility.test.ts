import { createPool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { startRefiller } from '../support/refiller.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const ROWS = 6000;
const WRITERS = 8;
const flavours = [...new Set(inject('servers').mysql.map(({ flavour }) => flavour))];

/** Updates every row once, each in a transaction of its own. */
async function updateEachRow(shop: Shop, server: TestMysqlServer): Promise<void> {
  const pool = createPool({ uri: server.rootUrl, database: shop.db.name, connectionLimit: WRITERS });
  let next = 1;
  const write = async (): Promise<void> => {
    while (next <= ROWS) {
      const id = next;
      next += 1;
      await pool.query("UPDATE users SET name = 'new' WHERE id = ?", [id]);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  await pool.end();
}

describe.each(flavours)('a reader that fills keys again at once, the source is %s', (flavour) => {
  let server: TestMysqlServer;
  let redis: TestRedisServer;

  beforeAll(async () => {
    server = await startMysqlServer({ flavour, args: ['--sync-binlog=1'] });
    redis = await startRedisServer({ args: ['--notify-keyspace-events', 'Eg'] });
  });

  afterAll(async () => {
    await redis.destroy();
    await server.destroy();
  });

  /** Rows whose cached value differs from the row, after every row was updated once. */
  const staleKeys = async (barrier: 'source' | 'none'): Promise<number> => {
    const shop = await openShop(server, redis.url, { inFlight: 2 });
    const ids = Array.from({ length: ROWS }, (_, index) => index + 1);
    await shop.db.query(`INSERT INTO users (id, name) VALUES ${ids.map((id) => `(${id}, 'old')`).join(',')}`);
    const daemon = await startDaemon(
      shop.config({
        source: { barrier },
        rest: {
          rules: [
            { table: `${shop.db.name}.users`, key: shop.key('user:{id}') },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    try {
      await daemon.ready();
      await shop.redis.mset(Object.fromEntries(ids.map((id) => [shop.key(`user:${id}`), 'old'])));
      const refiller = await startRefiller(shop, server, redis.url);
      await updateEachRow(shop, server);
      await drained(shop, daemon);
      await eventually(
        'every key was filled again',
        () => refiller.filled,
        (filled) => filled >= ROWS,
      );
      await refiller.close();
      const values = await shop.redis.mget(ids.map((id) => shop.key(`user:${id}`)));
      const timeouts = (await daemon.metrics()).sum('unstale_barrier_timeouts_total');
      const stale = values.filter((value) => value !== 'new').length;
      console.log(`${flavour}, barrier ${barrier}: ${stale} of ${ROWS} stale, ${timeouts} timeouts`);
      return stale;
    } finally {
      await daemon.kill();
      await shop.close();
    }
  };

  it('keeps old rows without the barrier', async () => {
    expect(await staleKeys('none')).toBeGreaterThan(0);
  });

  it('keeps no old row with it', async () => {
    expect(await staleKeys('source')).toBe(0);
  });
});

describe.runIf(flavours.includes('mysql'))('MySQL without GTIDs', () => {
  it('nobody can tell what is visible: a key is deleted at once, and again before the position moves', async () => {
    const server = await startMysqlServer({
      flavour: 'mysql',
      args: ['--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'],
    });
    const redis = await startRedisServer();
    const shop = await openShop(server, redis.url, { inFlight: 2 });
    const daemon = await startDaemon(shop.config());
    try {
      await daemon.ready();
      const isCached = async (): Promise<boolean> => (await shop.cached(['user:1'])).length > 0;
      await shop.cache('user:1');
      await shop.db.query("INSERT INTO users (id, name) VALUES (1, 'new')");
      const gone = { timeoutMs: 10_000, intervalMs: 2 };
      await eventually('the first delete', isCached, (cached) => !cached, gone);
      // What a reader that saw the old row would do.
      await shop.cache('user:1');
      expect((await daemon.metrics()).sum('unstale_in_flight_bytes')).toBeGreaterThan(0);
      await eventually('the second delete', isCached, (cached) => !cached, gone);
      await drained(shop, daemon);
      expect(daemon.output()).toContain('UNSTALE_BARRIER_UNAVAILABLE');

      await shop.db.query("UPDATE users SET name = 'newer' WHERE id = 1");
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await daemon.kill();
      await shop.close();
      await redis.destroy();
      await server.destroy();
    }
  });
});
