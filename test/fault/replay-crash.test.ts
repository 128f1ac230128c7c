import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { formatPosition } from '../../src/change/position.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { storedPosition } from '../support/gaps.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

/** Of a rule that deletes one key a second: some of them are acknowledged while the stream opens. */
const ITEMS = ['item:1:1', 'item:1:2', 'item:1:3', 'item:1:4', 'item:1:5'];

describe.each(inject('servers').mysql)(
  'a daemon that is killed when $label is to be read again',
  (server) => {
    let stateServer: TestMysqlServer;
    let redis: TestRedisServer;
    let shop: Shop;
    /** On a server of their own: they can be stored while the binlog cannot be read, and are no changes in it. */
    let positions: TestDatabase;
    let toMysql: TcpProxy;
    let toRedis: TcpProxy;
    let daemon: DaemonProcess;

    beforeAll(async () => {
      stateServer = await startMysqlServer({ flavour: server.flavour });
    });
    afterAll(async () => {
      await stateServer.destroy();
    });

    beforeEach(async () => {
      redis = await startRedisServer();
      shop = await openShop(server, redis.url);
      positions = await createDatabase(stateServer);
      toMysql = await startTcpProxy({ port: Number(new URL(shop.db.url).port) });
      toRedis = await startTcpProxy({ port: redis.port });
    });
    afterEach(async () => {
      await daemon.kill();
      await Promise.all([toMysql.close(), toRedis.close()]);
      await positions.drop();
      await shop.close();
      await redis.destroy();
    });

    const start = async (): Promise<void> => {
      const url = new URL(shop.db.url);
      url.port = String(toMysql.port);
      const table = (name: string): string => `${shop.db.name}.${name}`;
      daemon = await startDaemon(
        shop.config({
          source: { url: url.href, barrier: 'none', silence_timeout: '1m' },
          // What is acknowledged is stored before anything else can happen.
          state: { url: positions.url, database: positions.stateDatabase, flush_interval: '10ms' },
          redis: { url: `redis://127.0.0.1:${toRedis.port}` },
          rest: {
            rules: [
              { table: table('users'), key: shop.key('user:{id}') },
              {
                table: table('order_items'),
                key: shop.key('item:{order_id}:{line_no}'),
                max_deletes_per_second: 1,
              },
              { table: table('fence'), key: shop.key('fence:{id}') },
            ],
          },
        }),
      );
      await daemon.ready();
    };
    const gone = (rest: string): Promise<unknown> =>
      eventually(
        `${rest} is gone`,
        () => shop.cached([rest]),
        (left) => left.length === 0,
        { timeoutMs: 30_000 },
      );
    const noted = async (): Promise<string> => {
      const [row] = await positions.query(`SELECT identity FROM ${positions.stateDatabase}.datasets`);
      return String(row?.['identity']);
    };

    /**
     * Redis loses a delete, the daemon has stored that it goes back, and cannot read the binlog yet; later deletes are
     * acknowledged meanwhile.
     */
    const loseWhileOpening = async (): Promise<void> => {
      await start();
      await shop.cache('user:1', ...ITEMS);
      await shop.redis.call('SAVE');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await gone('user:1');
      await shop.db.query(
        `INSERT INTO order_items (order_id, line_no) VALUES ${ITEMS.map((_, index) => `(1, ${index + 1})`).join()}`,
      );
      await eventually('some wait for their limit', async () =>
        (await daemon.metrics()).sum('unstale_deletes_delayed'),
      );
      toMysql.freeze();
      await redis.kill();
      await redis.start();
      const { from } = await daemon.logged('the repetition', ({ msg }) =>
        String(msg).startsWith('applying changes again'),
      );
      await eventually(
        'it is stored where it begins',
        async () => formatPosition(await storedPosition({ db: positions })),
        (stored) => stored === from,
      );
      await eventually(
        'later deletes are acknowledged',
        async () => (await daemon.metrics()).sum('unstale_in_flight_bytes'),
        (bytes) => bytes === 0,
      );
      expect(await shop.cached(['user:1', 'item:1:5'])).toEqual(['user:1']);
    };

    it('before it can: the next one applies again what Redis has lost', async () => {
      await loseWhileOpening();
      await daemon.kill();
      toMysql.thaw();
      await start();
      await gone('user:1');
      await shop.settled();
    });

    it('as soon as it can, and nothing is applied again yet: the next one does so', async () => {
      await loseWhileOpening();
      const before = await noted();
      toRedis.freeze();
      toMysql.thaw();
      await eventually('the position speaks of the present data', noted, (identity) => identity !== before, {
        timeoutMs: 30_000,
      });
      await daemon.kill();
      // What is on its way to Redis is lost with the daemon.
      toRedis.cut();
      toRedis.thaw();
      await start();
      await gone('user:1');
      await shop.settled();
    });
  },
);
