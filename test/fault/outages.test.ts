import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startRedisServer, startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { binlogConnects, isReady, outlastOutage } from '../support/outage.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { anyMysql } from '../support/mysql-servers.ts';

/** Longest silence of the source that the daemons here accept. */
const QUICK_WATCHDOG = { heartbeat_interval: '200ms', silence_timeout: '1s' };

/** "Not ready" comes as soon as Redis is away, maybe before the change was read from the binlog. */
async function deleteWaits(daemon: DaemonProcess): Promise<void> {
  await eventually(
    'the delete waits for Redis',
    async () => (await daemon.metrics()).sum('unstale_in_flight_bytes'),
    (bytes) => bytes > 0,
  );
}

describe.each(anyMysql())('Redis fails, the source is $label', (server) => {
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(async () => {
    redis = await startRedisServer();
    shop = await openShop(server, redis.url, { inFlight: 2 });
  });

  afterEach(async () => {
    await daemon.kill();
    await shop.close();
    await redis.destroy();
  });

  it('gone for 30 s under load: nothing is lost, memory stays flat, the binlog is not disconnected', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    try {
      daemon = await startDaemon(shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` } }));
      await outlastOutage({ shop, proxy, daemon, seconds: 30 });
    } finally {
      await proxy.close();
    }
  });

  it('frozen (half-open) for longer than its timeouts: the deletes are sent again and none is lost', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    try {
      daemon = await startDaemon(
        shop.config({
          redis: { url: `redis://127.0.0.1:${proxy.port}`, command_timeout: '500ms', socket_timeout: '1s' },
        }),
      );
      await daemon.ready();
      const load = startLoad(shop);
      await load.more(200);
      proxy.freeze();
      await eventually(
        'the daemon has noticed',
        () => isReady(daemon),
        (ready) => !ready,
      );
      await load.more(500);
      proxy.cut();
      proxy.thaw();
      await eventually('the daemon is ready again', () => isReady(daemon));
      await load.stop();
      await drained(shop, daemon);
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  it('asked to stop while Redis is away, it gives up after the deadline, keeps the position and says so', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    const config = shop.config({
      redis: { url: `redis://127.0.0.1:${proxy.port}` },
      rest: { shutdown_timeout: '1s' },
    });
    try {
      daemon = await startDaemon(config);
      await daemon.ready();
      await drained(shop, daemon);
      proxy.refuse();
      await shop.cache('user:1');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await deleteWaits(daemon);
      daemon.signal('SIGTERM');
      expect(await daemon.exited).toEqual({ code: 1, signal: null });
      expect(daemon.output()).toContain('UNSTALE_DRAIN_TIMEOUT');
      proxy.thaw();
      daemon = await startDaemon(config);
      await daemon.ready();
      await drained(shop, daemon);
      expect(await shop.cached(['user:1'])).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  it('a second signal stops it at once', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    try {
      daemon = await startDaemon(
        shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` }, rest: { shutdown_timeout: '10m' } }),
      );
      await daemon.ready();
      await drained(shop, daemon);
      proxy.refuse();
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await deleteWaits(daemon);
      daemon.signal('SIGTERM');
      await daemon.logged('it is stopping', (line) => String(line['msg']).startsWith('stopping'));
      daemon.signal('SIGTERM');
      expect(await daemon.exited).toEqual({ code: 1, signal: null });
    } finally {
      await proxy.close();
    }
  });

  it('replies get lost after the commands were executed: they are sent again and the position waits', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    try {
      daemon = await startDaemon(
        shop.config({
          redis: { url: `redis://127.0.0.1:${proxy.port}`, command_timeout: '500ms', socket_timeout: '1s' },
        }),
      );
      await daemon.ready();
      const load = startLoad(shop);
      await load.more(200);
      for (let round = 0; round < 3; round += 1) {
        const retries = (await daemon.metrics()).sum('unstale_redis_retries_total');
        proxy.dropReplies();
        await eventually(
          'a batch is sent again',
          async () => (await daemon.metrics()).sum('unstale_redis_retries_total'),
          (count) => count > retries,
        );
        proxy.cut();
        proxy.thaw();
        await load.more(200);
      }
      await load.stop();
      await drained(shop, daemon);
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    } finally {
      await proxy.close();
    }
  });
});

describe.each(inject('servers').mysql)('$label fails', ({ flavour }) => {
  let server: TestMysqlServer;
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;
  let proxy: TcpProxy;

  beforeEach(async () => {
    [server, redis] = await Promise.all([startMysqlServer({ flavour }), startRedisServer()]);
    shop = await openShop(server, redis.url, { inFlight: 2 });
    proxy = await startTcpProxy({ port: server.port });
    const url = new URL(shop.db.url);
    url.port = String(proxy.port);
    daemon = await startDaemon(shop.config({ source: { url: url.href, ...QUICK_WATCHDOG } }));
    await daemon.ready();
  });

  afterEach(async () => {
    await daemon.kill();
    await proxy.close();
    shop.redis.disconnect();
    await shop.db.pool.end().catch(() => undefined);
    await Promise.all([server.destroy(), redis.destroy()]);
  });

  it('restarted under load: the daemon reconnects by itself and loses nothing', async () => {
    const load = startLoad(shop);
    await load.more(500);
    await server.stop();
    await server.start();
    await drained(shop, daemon, 30_000);
    await load.more(500);
    await server.kill();
    await server.start();
    await drained(shop, daemon, 30_000);
    await load.more(500);
    await load.stop();
    await drained(shop, daemon);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await binlogConnects(daemon)).toBeGreaterThanOrEqual(3);
  });

  it('the connection is cut: the daemon reconnects and loses nothing', async () => {
    const load = startLoad(shop);
    for (let round = 0; round < 5; round += 1) {
      await load.more(300);
      proxy.cut();
    }
    await load.more(300);
    await load.stop();
    await drained(shop, daemon);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  });

  it('the connection freezes half-open: the watchdog notices, readiness tells, nothing is lost', async () => {
    const load = startLoad(shop);
    await load.more(300);
    proxy.freeze();
    await eventually(
      'readiness is false',
      () => isReady(daemon),
      (ready) => !ready,
    );
    await daemon.logged('the watchdog noticed', (line) =>
      JSON.stringify(line).includes('UNSTALE_BINLOG_SILENT'),
    );
    await load.more(300);
    proxy.thaw();
    await eventually('the daemon is ready again', () => isReady(daemon), Boolean, { timeoutMs: 60_000 });
    await load.stop();
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  });

  it('an idle source sends heartbeats, so the daemon stays ready and connected', async () => {
    // Two and a half watchdog periods without a change; silence has no event to wait for.
    await sleep(2500);
    expect(await isReady(daemon)).toBe(true);
    expect(await binlogConnects(daemon)).toBe(1);
  });
});
