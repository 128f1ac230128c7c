import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
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

  beforeEach(async () => {
    [primary, replica] = await Promise.all([
      startMysqlServer({ flavour }),
      startMysqlServer({ flavour, args: REPLICA_ARGS[flavour] }),
    ]);
    promoted = createPool({ uri: replica.rootUrl, connectionLimit: 2 });
    shop = await openShop(primary, inject('servers').redis.url, { inFlight: 2 });
    await shop.db.query("CREATE USER copy@'%' IDENTIFIED BY 'copy'");
    await shop.db.query("GRANT REPLICATION SLAVE ON *.* TO copy@'%'");
    // The replica has nothing of its own, and so takes the whole history.
    if (flavour === 'mysql') await promoted.query('RESET BINARY LOGS AND GTIDS');
    for (const statement of replicate(primary)) await promoted.query(statement);
    proxy = await startTcpProxy({ port: primary.port });
    // An account that could keep its writes out of the binlog must not do so.
    const privilege = flavour === 'mysql' ? 'SESSION_VARIABLES_ADMIN' : 'BINLOG ADMIN';
    await shop.db.query(`GRANT ${privilege} ON *.* TO '${shop.db.account.user}'@'%'`);
    daemon = await startDaemon(config());
    await daemon.ready();
  });

  afterEach(async () => {
    await daemon.kill();
    await proxy.close();
    await shop.close();
    await promoted.end();
    await Promise.all([primary.destroy(), replica.destroy()]);
  });

  function config(): Record<string, unknown> {
    const url = new URL(shop.db.url);
    url.port = String(proxy.port);
    return shop.config({ source: { url: url.href, heartbeat_interval: '200ms', silence_timeout: '1s' } });
  }

  async function rowsOnReplica(): Promise<number> {
    const [rows] = await promoted.query<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${shop.db.name}.users`);
    return Number(rows[0]?.['n']);
  }

  /** The connections of the daemons lead to the replica from now on, which takes writes. */
  async function promote(committed: number): Promise<void> {
    await eventually('the replica has everything', rowsOnReplica, (count) => count >= committed);
    await promoted.query(flavour === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE');
    proxy.thaw();
    proxy.redirect({ port: replica.port });
  }

  async function followedThere(): Promise<void> {
    await shop.cache('user:900001', 'other:1');
    await promoted.query(`INSERT INTO ${shop.db.name}.users (id) VALUES (900001)`);
    await eventually(
      'the change on the promoted replica is worked off',
      () => shop.cached(['user:900001', 'other:1']),
      (cached) => cached.join() === 'other:1',
      { timeoutMs: 30_000 },
    );
  }

  it('under load: the daemon goes on there by GTID, loses no delete and begins a new epoch', async () => {
    const load = startLoad(shop);
    await load.more(500);
    // Cut off at any moment: what was committed and not read yet is read from the replica.
    proxy.refuse();
    await load.more(300);
    await load.stop();
    const before = await storedPosition(shop);
    await promote(load.committed);
    await followedThere();
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    await daemon.ready();
    expect((await daemon.stop()).code).toBe(0);

    const [rows] = await promoted.query<RowDataPacket[]>(
      `SELECT epoch, server_uuid FROM ${shop.db.stateDatabase}.positions`,
    );
    expect(Number(rows[0]?.['epoch'])).toBe(before.epoch + 1);
    expect(rows[0]?.['server_uuid']).not.toBe(before.serverUuid);
  });

  it('and the leader is gone with its server: the standby goes on there from the position that was replicated', async () => {
    const standby = await startDaemon(config());
    try {
      await standby.ready();
      const load = startLoad(shop);
      await load.more(500);
      await daemon.kill();
      proxy.refuse();
      await load.more(300);
      await load.stop();
      await promote(load.committed);
      await followedThere();
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    } finally {
      await standby.kill();
    }
  });
});
