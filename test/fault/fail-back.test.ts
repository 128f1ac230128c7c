import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { fill, getOrLease } from '../../src/protocol/scripts.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { callScript, loadScripts } from '../support/protocol-client.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { REPLICA_ARGS, replicate, replicateBack, stopReplica } from '../support/replication.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { anyMysql } from '../support/mysql-servers.ts';

const HOUR = 3_600_000;

interface Node {
  readonly server: TestMysqlServer;
  readonly pool: Pool;
}

// Adversarial case 18 of the protocol.
describe.each(anyMysql())('18: from one $label to another and back', ({ flavour }) => {
  let a: Node;
  let b: Node;
  /** The one that is written. */
  let primary: Node;
  let redis: TestRedisServer;
  let shop: Shop;
  let proxy: TcpProxy;
  let daemon: DaemonProcess;
  let version = 0;
  /** Of each change, in turn. */
  const floors: { readonly column: string | null; readonly binlog: string | null }[] = [];

  beforeEach(async () => {
    version = 0;
    floors.length = 0;
    const start = async (args: readonly string[]): Promise<Node> => {
      const server = await startMysqlServer({ flavour, args });
      return { server, pool: createPool({ uri: server.rootUrl, connectionLimit: 2 }) };
    };
    [a, b, redis] = await Promise.all([
      start(REPLICA_ARGS[flavour].slice(1)),
      start(REPLICA_ARGS[flavour]),
      startRedisServer(),
    ]);
    primary = a;
    shop = await openShop(a.server, redis.url);
    await shop.db.query(
      'CREATE TABLE texts (id INT PRIMARY KEY, body VARCHAR(20), v BIGINT UNSIGNED NOT NULL)',
    );
    await shop.db.query("CREATE USER copy@'%' IDENTIFIED BY 'copy'");
    await shop.db.query("GRANT REPLICATION SLAVE ON *.* TO copy@'%'");
    // Files of the first server have higher numbers than those of the other one.
    for (let file = 0; file < 5; file += 1) await a.pool.query('FLUSH BINARY LOGS');
    if (flavour === 'mysql') await b.pool.query('RESET BINARY LOGS AND GTIDS');
    for (const statement of replicate(a.server)) await b.pool.query(statement);
    proxy = await startTcpProxy({ port: a.server.port });
    await loadScripts(shop.redis);
    await follow();
  });
  afterEach(async () => {
    await daemon.kill();
    await proxy.close();
    await shop.close();
    await Promise.all([a, b].map(({ pool }) => pool.end()));
    await Promise.all([a.server.destroy(), b.server.destroy(), redis.destroy()]);
  });

  const byColumn = (): string => shop.key('column:1');
  const byBinlog = (): string => shop.key('binlog:1');
  const follow = async (): Promise<void> => {
    const url = new URL(shop.db.url);
    url.port = String(proxy.port);
    const table = `${shop.db.name}.texts`;
    const rules = [
      { table, key: shop.key('column:{id}'), guard: 'version', version: { column: 'v' } },
      {
        table,
        key: shop.key('binlog:{id}'),
        action: 'update',
        version: 'binlog',
        create: true,
        ttl: '1h',
        value: { format: 'string', columns: ['body'] },
      },
    ];
    daemon = await startDaemon(
      shop.config({
        source: { url: url.href, heartbeat_interval: '200ms', silence_timeout: '1s' },
        rest: { rules },
      }),
    );
    await daemon.ready();
  };

  const filled = async (key: string, of: number): Promise<string> => {
    const token = `reader of ${of}`;
    await callScript(shop.redis, getOrLease({ key, token, leaseMs: HOUR }));
    const row = { value: 'row', version: rowVersion(of), source: 'primary' } as const;
    return callScript(shop.redis, fill({ key, token, ttlMs: HOUR, tombstoneMs: HOUR, ...row }));
  };
  /** Commits a change, waits for its value, and looks at the floors. */
  const change = async (): Promise<void> => {
    version += 1;
    const body = `version ${version}`;
    const sql = `REPLACE INTO ${shop.db.name}.texts VALUES (1, ?, ?)`;
    await primary.pool.query(sql, [body, version]);
    await eventually(
      `the value of ${body} is stored`,
      () => shop.redis.get(byBinlog()),
      (value) => value === body,
      { timeoutMs: 30_000 },
    );
    const floor = await eventually(
      `the floor of ${body}`,
      () => shop.redis.hget(companionKey(byColumn()), 'f'),
      (value) => value === rowVersion(version),
    );
    expect(await filled(byColumn(), version - 1)).toBe('outdated');
    expect(await filled(byColumn(), version)).toBe('stored');
    floors.push({ column: floor, binlog: await shop.redis.hget(companionKey(byBinlog()), 'f') });
  };
  const changes = async (): Promise<void> => {
    for (let count = 0; count < 3; count += 1) await change();
  };
  const rising = (of: 'column' | 'binlog'): void => {
    const known = floors.map((each) => each[of] ?? '');
    expect(known).toEqual([...new Set(known)].toSorted());
    expect(known).toHaveLength(version);
  };

  let markers = 0;
  /** The daemon finds the replica where the primary was; the old primary follows it. */
  const promote = async (next: Node, old: Node): Promise<void> => {
    // First: what the daemon stores on the old one has to be on the next one too.
    proxy.refuse();
    markers += 1;
    await old.pool.query(`INSERT INTO ${shop.db.name}.unmapped VALUES (?, 0)`, [1000 + markers]);
    await eventually('the replica has everything', async () => {
      const [rows] = await next.pool.query<RowDataPacket[]>(
        `SELECT id FROM ${shop.db.name}.unmapped WHERE id = ?`,
        [1000 + markers],
      );
      return rows.length > 0;
    });
    await next.pool.query(stopReplica(flavour));
    for (const statement of replicateBack(next.server)) await old.pool.query(statement);
    primary = next;
    proxy.thaw();
    proxy.redirect({ port: next.server.port });
  };
  const epoch = async (): Promise<number> => {
    const [rows] = await primary.pool.query<RowDataPacket[]>(
      `SELECT epoch FROM ${shop.db.stateDatabase}.positions`,
    );
    return Number(rows[0]?.['epoch']);
  };
  const storedEpoch = (wanted: number): Promise<number> =>
    eventually(`epoch ${wanted} is stored`, epoch, (stored) => stored === wanted);

  /** The values stay, and nobody knows that. */
  const restartRedis = async (): Promise<void> => {
    await shop.redis.call('SAVE');
    await redis.kill();
    await redis.start();
    await loadScripts(shop.redis);
  };

  const there = async (): Promise<void> => {
    await changes();
    expect(await epoch()).toBe(0);
    await promote(b, a);
    await changes();
    await storedEpoch(1);
    // Back to lower numbers again.
    for (let file = 0; file < 20; file += 1) await b.pool.query('FLUSH BINARY LOGS');
    await change();
  };

  it('no value is stored again when what Redis may have lost is found on the other one', async () => {
    await changes();
    const stored = async (): Promise<number> =>
      (await daemon.metrics()).sum('unstale_commands_total', { kind: 'update', result: 'stored' });
    expect(await stored()).toBe(3);
    proxy.refuse();
    await restartRedis();
    await daemon.logged('the repetition', ({ msg }) => String(msg).startsWith('applying changes again'));
    await promote(b, a);
    // Its row is deleted, whose key was cached before.
    await eventually(
      'it is repeated',
      () => shop.redis.exists(byBinlog()),
      (count) => count === 0,
      {
        timeoutMs: 30_000,
      },
    );
    expect(await stored()).toBe(3);
    await changes();
    expect(await stored()).toBe(6);
    rising('column');
    rising('binlog');
  });

  it('versions never fall while the daemon runs: each change is stored above the last one', async () => {
    await there();
    await promote(a, b);
    await changes();
    await storedEpoch(2);
    rising('column');
    rising('binlog');
  });

  it('versions never fall over restarts of the daemon', async () => {
    await changes();
    await daemon.kill();
    await promote(b, a);
    await follow();
    await changes();
    await storedEpoch(1);
    await daemon.kill();
    await promote(a, b);
    await follow();
    await changes();
    await storedEpoch(2);
    await daemon.kill();
    await follow();
    await changes();
    expect(await epoch()).toBe(2);
    rising('column');
    rising('binlog');
  });

  it('versions do not fall to those of the first time when what Redis may have lost is applied again', async () => {
    await there();
    await promote(a, b);
    await changes();
    const reads = (): number => daemon.logs.filter(({ msg }) => msg === 'reading the binlog').length;
    const before = reads();
    await restartRedis();
    await eventually('the binlog is read again', reads, (count) => count > before, { timeoutMs: 30_000 });
    await changes();
    await storedEpoch(2);
    await daemon.kill();
    await restartRedis();
    await follow();
    await changes();
    await storedEpoch(2);
    rising('column');
    rising('binlog');
  });
});
