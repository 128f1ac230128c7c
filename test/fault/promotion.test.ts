import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { storedPosition } from '../support/gaps.ts';
import { leftOver, startLoad } from '../support/load.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { REPLICA_ARGS, replicate } from '../support/replication.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

describe.each(inject('servers').mysql)('a replica of $label is promoted', ({ flavour }) => {
  let primary: TestMysqlServer;
  let replica: TestMysqlServer;
  let promoted: Pool;
  let shop: Shop;
  let proxy: TcpProxy;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    [primary, replica] = await Promise.all([
      startMysqlServer({ flavour }),
      startMysqlServer({ flavour, args: REPLICA_ARGS[flavour] }),
    ]);
    promoted = createPool({ uri: replica.rootUrl, connectionLimit: 2 });
  });

  afterAll(async () => {
    await promoted.end();
    await Promise.all([primary.destroy(), replica.destroy()]);
  });

  beforeEach(async () => {
    shop = await openShop(primary, inject('servers').redis.url, { inFlight: 2 });
    await shop.db.query("CREATE USER copy@'%' IDENTIFIED BY 'copy'");
    await shop.db.query("GRANT REPLICATION SLAVE ON *.* TO copy@'%'");
    // The replica has nothing of its own, and so takes the whole history.
    if (flavour === 'mysql') await promoted.query('RESET BINARY LOGS AND GTIDS');
    for (const statement of replicate(primary)) await promoted.query(statement);
    proxy = await startTcpProxy({ port: primary.port });
    const url = new URL(shop.db.url);
    url.port = String(proxy.port);
    daemon = await startDaemon(
      shop.config({ source: { url: url.href, heartbeat_interval: '200ms', silence_timeout: '1s' } }),
    );
    await daemon.ready();
  });

  afterEach(async () => {
    await daemon.kill();
    await proxy.close();
    await shop.close();
  });

  async function rowsOnReplica(): Promise<number> {
    const [rows] = await promoted.query<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${shop.db.name}.users`);
    return Number(rows[0]?.['n']);
  }

  it('under load: the daemon goes on there by GTID, loses no delete and begins a new epoch', async () => {
    const load = startLoad(shop);
    await load.more(500);
    // Cut off at any moment: what was committed and not read yet is read from the replica.
    proxy.refuse();
    await load.more(300);
    await load.stop();
    const before = await storedPosition(shop);
    await eventually('the replica has everything', rowsOnReplica, (count) => count >= load.committed);
    await promoted.query(flavour === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE');
    proxy.thaw();
    proxy.redirect({ port: replica.port });

    await shop.cache('user:900001', 'other:1');
    await promoted.query(`INSERT INTO ${shop.db.name}.users (id) VALUES (900001)`);
    await eventually(
      'the change on the promoted replica is worked off',
      () => shop.cached(['user:900001', 'other:1']),
      (cached) => cached.join() === 'other:1',
      { timeoutMs: 30_000 },
    );
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    await daemon.ready();
    expect((await daemon.stop()).code).toBe(0);

    const [rows] = await promoted.query<RowDataPacket[]>(
      `SELECT epoch, server_uuid FROM ${shop.db.stateDatabase}.positions`,
    );
    expect(Number(rows[0]?.['epoch'])).toBe(before.epoch + 1);
    expect(rows[0]?.['server_uuid']).not.toBe(before.serverUuid);
  });
});
