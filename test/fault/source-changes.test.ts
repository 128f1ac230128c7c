import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { purgeBinlogs } from '../support/gaps.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

function hasCode(code: string): (line: Readonly<Record<string, unknown>>) => boolean {
  return (line) => JSON.stringify(line).includes(code);
}

describe.each(inject('servers').mysql)('the settings of $label change', ({ flavour }) => {
  let server: TestMysqlServer;
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    [server, redis] = await Promise.all([startMysqlServer({ flavour }), startRedisServer()]);
  });

  afterAll(async () => {
    await Promise.all([server.destroy(), redis.destroy()]);
  });

  beforeEach(async () => {
    shop = await openShop(server, redis.url, { inFlight: 2 });
  });

  afterEach(async () => {
    await daemon.kill();
    await shop.close();
  });

  async function follow(): Promise<void> {
    daemon = await startDaemon(shop.config());
    await daemon.ready();
    await shop.settled();
  }

  it.runIf(flavour === 'mysql')(
    'gtid_mode is switched off and on again, under load and over restarts: nothing is lost',
    async () => {
      await follow();
      let load = startLoad(shop);
      let rows = 0;
      const steps = ['ON_PERMISSIVE', 'OFF_PERMISSIVE', 'OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'];
      for (const mode of steps) {
        await load.more(50);
        if (mode === 'ON' || mode === 'OFF') {
          // As the manual says: every replica first reads all that is of the other kind, which is not sent any more then.
          await load.stop();
          await drained(shop, daemon);
          rows += load.committed;
          load = startLoad(shop, { from: rows + 1 });
        }
        await shop.db.query(`SET GLOBAL gtid_mode = ${mode}`);
        if (mode !== 'OFF' && mode !== 'ON') continue;
        await load.more(50);
        expect((await daemon.stop()).code).toBe(0);
        await load.more(50);
        await follow();
      }
      await load.stop();
      await drained(shop, daemon);
      expect(await leftOver(shop, 1, rows + load.committed)).toEqual([]);
    },
  );

  it('binlog_checksum is switched off and on again under load: nothing is lost', async () => {
    await follow();
    const load = startLoad(shop);
    for (const checksum of ['NONE', 'CRC32', 'NONE', 'CRC32']) {
      await load.more(100);
      await shop.db.query(`SET GLOBAL binlog_checksum = ${checksum}`);
    }
    await load.more(100);
    await load.stop();
    await drained(shop, daemon);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  });

  it('a second client with the same server_id is named by the daemon that it pushes out', async () => {
    const source = { server_id: 4711 };
    daemon = await startDaemon(shop.config({ source }));
    await daemon.ready();
    const other = await startDaemon({ ...shop.config({ source }), client_id: `${shop.db.name}-other` });
    try {
      expect(await daemon.exited).toEqual({ code: 3, signal: null });
      expect(daemon.output()).toContain('UNSTALE_SERVER_ID_CLASH');
      expect(daemon.output()).toMatch(
        new RegExp(
          `server_id 4711 is used twice: .* ${shop.db.account.user} at \\S+ \\(connection \\d+, for \\d+ s\\)`,
        ),
      );
    } finally {
      await other.kill();
    }
  });

  it('a purge that comes near is warned of, and so is its end; /status and the metrics show the distance', async () => {
    const proxy = await startTcpProxy({ port: redis.port });
    try {
      daemon = await startDaemon(shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` } }));
      await daemon.ready();
      await shop.settled();
      proxy.refuse();
      await shop.cache('user:1');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await shop.db.query('INSERT INTO users (id) VALUES (2)');
      await shop.db.query('FLUSH BINARY LOGS');
      await purgeOlder();
      await daemon.logged('the warning', hasCode('UNSTALE_PURGE_NEAR'), 30_000);
      expect(await daemon.status()).toMatchObject({ retention: { purge_near: true } });
      proxy.thaw();
      await daemon.logged(
        'the end of it',
        (line) => String(line['msg']).endsWith('no longer near its purge'),
        60_000,
      );
      await drained(shop, daemon);
      expect((await daemon.metrics()).sum('unstale_gap_bytes_to_oldest_binlog')).toBeGreaterThan(0);
    } finally {
      await proxy.close();
    }
  });

  /** Removes all files but the last two. */
  async function purgeOlder(): Promise<void> {
    const files = await shop.db.query('SHOW BINARY LOGS');
    const kept = files.at(-2);
    await eventually('only two files are left', async () => {
      await shop.db.query(`PURGE BINARY LOGS TO '${String(kept?.['Log_name'])}'`);
      return (await shop.db.query('SHOW BINARY LOGS')).length === 2;
    });
  }

  it('the server is restarted without a binlog: the daemon stops rather than wait for changes that never come', async () => {
    await follow();
    await purgeBinlogs(shop);
    await server.stop();
    await server.start(['--skip-log-bin']);
    expect(await daemon.exited).toEqual({ code: 3, signal: null });
    expect(daemon.output()).toContain('UNSTALE_BINLOG_OFF');
    await server.stop();
    await server.start();
  });
});
