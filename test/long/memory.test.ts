import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const ROWS = 1_000_000;
const MB = 1e6;
/** The most that a million rows in one transaction may take, MB: at all, and more than at rest. */
const BOUNDS = { peak: 120, growth: 26 };
/** The same where the daemon writes values, whose young generation may grow. */
const BOUNDS_WITH_VALUES = { peak: 165, growth: 70 };

describe.each(inject('servers').mysql)('the memory of a daemon on $label', (server) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url, { inFlight: 2 });
    await shop.db.query('CREATE TABLE big (id BIGINT PRIMARY KEY, a INT NOT NULL, b VARCHAR(32) NOT NULL)');
    await shop.db.query("INSERT INTO big VALUES (1, 1, 'value 1')");
    for (let have = 1; have < ROWS; have *= 2) {
      await shop.db.query(
        "INSERT INTO big SELECT id + ?, id, CONCAT('value ', id) FROM big WHERE id + ? <= ?",
        [have, have, ROWS],
      );
    }
  });

  afterAll(async () => {
    await shop?.close();
  });

  it('stays bounded while a value is made of each of a million rows of a transaction', async () => {
    const value = { format: 'json', columns: ['id', 'a', 'b'] };
    const daemon = await startDaemon(
      shop.config({
        rest: {
          client_id: `${shop.db.name}values`,
          rules: [
            {
              table: `${shop.db.name}.big`,
              key: shop.key('big:{id}'),
              action: 'update',
              version: { column: 'a' },
              ttl: '1h',
              value,
            },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    try {
      await daemon.ready();
      await shop.settled();
      const idle = await daemon.rss();
      await shop.cache('big:1', `big:${ROWS}`);
      await shop.db.query('UPDATE big SET a = a + 1');
      await drained(shop, daemon, 240_000);
      const peak = await daemon.peakRss();
      console.log(
        `${server.label}, values: idle ${Math.round(idle / MB)} MB, peak ${Math.round(peak / MB)} MB`,
      );
      // Of unknown age: readers had cached them without a version.
      expect(await shop.cached(['big:1', `big:${ROWS}`])).toEqual([]);
      expect(peak).toBeLessThan(BOUNDS_WITH_VALUES.peak * MB);
      expect(peak - idle).toBeLessThan(BOUNDS_WITH_VALUES.growth * MB);
    } finally {
      await daemon.stop();
    }
  });

  it.each(server.flavour === 'mysql' ? (['OFF', 'ON'] as const) : (['OFF'] as const))(
    'stays small while a transaction of a million rows goes through, compression %s',
    async (compression) => {
      const daemon = await startDaemon(
        shop.config({
          rest: {
            client_id: `${shop.db.name}${compression}`,
            rules: [
              { table: `${shop.db.name}.big`, key: shop.key('big:{id}') },
              { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
            ],
          },
        }),
        { nodeArgs: ['--max-semi-space-size=1'] },
      );
      try {
        await daemon.ready();
        await shop.settled();
        const idle = await daemon.rss();
        await shop.cache('big:1', `big:${ROWS}`);
        const connection = await shop.db.pool.getConnection();
        try {
          if (server.flavour === 'mysql')
            await connection.query(`SET SESSION binlog_transaction_compression = ${compression}`);
          await connection.query('UPDATE big SET a = a + 1');
        } finally {
          connection.destroy();
        }
        await drained(shop, daemon, 120_000);
        const peak = await daemon.peakRss();
        console.log(
          `${server.label}, compression ${compression}: idle ${Math.round(idle / MB)} MB, peak ${Math.round(peak / MB)} MB`,
        );
        expect(await shop.cached(['big:1', `big:${ROWS}`])).toEqual([]);
        expect(idle).toBeLessThan(100 * MB);
        expect(peak).toBeLessThan(BOUNDS.peak * MB);
        expect(peak - idle).toBeLessThan(BOUNDS.growth * MB);
      } finally {
        await daemon.stop();
      }
    },
  );
});
