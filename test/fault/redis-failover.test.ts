import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { binlogEnd, growBinlog } from '../support/gaps.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { startRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { anyMysql } from '../support/mysql-servers.ts';

/** What Redis acknowledged is not what it holds afterwards. */
describe.each(anyMysql())('Redis loses acknowledged deletes, the source is $label', (server) => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(() => {
    cleanUps.length = 0;
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  });

  const open = async (url: string): Promise<void> => {
    shop = await openShop(server, url);
    cleanUps.push(() => shop.close());
  };
  const start = async (
    redis: Readonly<Record<string, unknown>> = {},
    state: Readonly<Record<string, unknown>> = {},
  ): Promise<void> => {
    daemon = await startDaemon(shop.config({ redis, state }));
    cleanUps.push(() => daemon.kill());
    await daemon.ready();
  };
  const replays = async (): Promise<number> => (await daemon.metrics()).sum('unstale_failover_replays_total');
  const goneAgain = (rest: string): Promise<unknown> =>
    eventually(
      `${rest} is gone again`,
      () => shop.cached([rest]),
      (left) => left.length === 0,
      { timeoutMs: 30_000 },
    );
  /** Caches a key, saves the data, and has the key deleted. */
  const deleteAfterSaving = async (id: number): Promise<void> => {
    await shop.cache(`user:${id}`);
    await shop.redis.call('SAVE');
    await shop.db.query('INSERT INTO users (id) VALUES (?)', [id]);
    await shop.settled();
    expect(await shop.cached([`user:${id}`])).toEqual([]);
  };

  it('by a restart from an older file: the last changes are applied again', async () => {
    const redis = await startRedisServer();
    cleanUps.push(() => redis.destroy());
    await open(redis.url);
    await start();
    await deleteAfterSaving(1);
    await redis.kill();
    await redis.start();
    await goneAgain('user:1');
    expect(await replays()).toBe(1);
    await deleteAfterSaving(2);
  });

  it('by a restart from an older file, after an outage that is longer than the window while other tables change', async () => {
    const redis = await startRedisServer();
    cleanUps.push(() => redis.destroy());
    await open(redis.url);
    await start({ failover_replay: '5s' });
    await shop.cache('user:1', 'user:2');
    await shop.redis.call('SAVE');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await eventually('it is deleted', async () => (await shop.cached(['user:1'])).length === 0);
    await redis.kill();
    const gone = performance.now();
    await eventually('more time than the window passes', async () => {
      await growBinlog(shop, (await binlogEnd(shop)).size);
      return performance.now() - gone > 6_000;
    });
    await shop.db.query('INSERT INTO users (id) VALUES (2)');
    await redis.start();
    await goneAgain('user:1');
    await goneAgain('user:2');
  });

  it('by a restart from an older file while positions cannot be stored: as soon as they can, the last changes are applied again', async () => {
    const redis = await startRedisServer();
    cleanUps.push(() => redis.destroy());
    await open(redis.url);
    const url = new URL(shop.db.url);
    const proxy = await startTcpProxy({ port: Number(url.port) });
    cleanUps.push(() => proxy.close());
    url.port = String(proxy.port);
    await start({}, { url: url.href });
    await deleteAfterSaving(1);
    proxy.refuse();
    await redis.kill();
    await redis.start();
    await daemon.logged('the repetition', ({ msg }) => String(msg).startsWith('applying changes again'));
    await shop.cache('user:2');
    await shop.db.query('INSERT INTO users (id) VALUES (2)');
    await daemon.logged('it is missed', ({ msg }) => String(msg).startsWith('the position cannot be stored'));
    proxy.thaw();
    await goneAgain('user:1');
    await goneAgain('user:2');
  });

  it('by a restart while the daemon is down: the next start applies the last changes again', async () => {
    const redis = await startRedisServer();
    cleanUps.push(() => redis.destroy());
    await open(redis.url);
    await start();
    await deleteAfterSaving(1);
    await daemon.stop();
    await redis.kill();
    await redis.start();
    await eventually(
      'the old key is back',
      () => shop.cached(['user:1']),
      (left) => left.length === 1,
    );
    await start();
    await goneAgain('user:1');
    expect(await replays()).toBe(1);
    await daemon.stop();
    await start();
    await shop.settled();
    expect(await replays()).toBe(0);
  });

  it('twice, the second time while the first is answered', async () => {
    const redis = await startRedisServer();
    cleanUps.push(() => redis.destroy());
    await open(redis.url);
    await start();
    await deleteAfterSaving(1);
    for (let round = 0; round < 2; round += 1) {
      await redis.kill();
      await redis.start();
      await daemon.logged('the change', ({ msg }) => msg === 'other data is in Redis than before');
    }
    await goneAgain('user:1');
    await shop.settled();
    expect(await shop.cached(['user:1'])).toEqual([]);
  });

  it.skipIf(!hasLocalRedis)(
    'by a failover to a replica that was behind: the last changes are applied to the new master',
    async () => {
      const redis = await startRedisSentinels();
      cleanUps.push(() => redis.destroy());
      const [master, replica] = redis.servers;
      await open(master.url);
      await start({ url: undefined, sentinel: { name: redis.name, nodes: redis.addresses } });
      await shop.cache('user:1');
      await shop.redis.wait(1, 5_000);
      replica.freeze();
      // Otherwise the delete would wait for the replica in its socket.
      await shop.redis.client('KILL', 'TYPE', 'REPLICA');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await shop.settled();
      await master.kill();
      replica.thaw();
      await redis.killMaster().catch(() => undefined);
      await eventually(
        'the replica leads',
        async () => (await redis.master()).port === replica.port,
        Boolean,
        {
          timeoutMs: 30_000,
        },
      );
      const client = new Redis(replica.url);
      cleanUps.push(() => Promise.resolve(client.disconnect()));
      await eventually('the changes are applied again', replays, (count) => count > 0, { timeoutMs: 30_000 });
      await eventually(
        'the key is gone on the new master',
        () => client.exists(shop.key('user:1')),
        (count) => count === 0,
      );
    },
  );
});
