import { createPool } from 'mysql2/promise';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { startRefiller } from '../support/refiller.ts';
import { REPLICA_ARGS, replicate } from '../support/replication.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const ROWS = 2000;
/** Longer than anything here takes, so that a delete before it does not come from the timeout. */
const PATIENT = '30s';
const flavours = [...new Set(inject('servers').mysql.map(({ flavour }) => flavour))];

const STATEMENTS = {
  mysql: {
    stopApplier: ['STOP REPLICA SQL_THREAD'],
    startApplier: ['START REPLICA SQL_THREAD'],
    delay: (seconds: number) => [
      'STOP REPLICA',
      `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`,
      'START REPLICA',
    ],
  },
  mariadb: {
    stopApplier: ['STOP SLAVE SQL_THREAD'],
    startApplier: ['START SLAVE SQL_THREAD'],
    delay: (seconds: number) => ['STOP SLAVE', `CHANGE MASTER TO MASTER_DELAY = ${seconds}`, 'START SLAVE'],
  },
} as const;

describe.each(flavours)('an application that reads a replica of %s', (flavour) => {
  let primary: TestMysqlServer;
  let replica: TestMysqlServer;
  let onReplica: Pool;
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess | undefined;

  beforeAll(async () => {
    [primary, replica, redis] = await Promise.all([
      startMysqlServer({ flavour }),
      startMysqlServer({ flavour, args: REPLICA_ARGS[flavour] }),
      startRedisServer({ args: ['--notify-keyspace-events', 'Eg'] }),
    ]);
    onReplica = createPool({ uri: replica.rootUrl, connectionLimit: 2 });
    const setup = createPool({ uri: primary.rootUrl, connectionLimit: 1 });
    await setup.query("CREATE USER copy@'%' IDENTIFIED BY 'copy'");
    await setup.query("GRANT REPLICATION SLAVE ON *.* TO copy@'%'");
    await setup.end();
    // The replica has nothing of its own, and so takes the whole history.
    if (flavour === 'mysql') await onReplica.query('RESET BINARY LOGS AND GTIDS');
    await run(replicate(primary));
  });

  afterAll(async () => {
    await onReplica.end();
    await Promise.all([primary.destroy(), replica.destroy(), redis.destroy()]);
  });

  beforeEach(async () => {
    shop = await openShop(primary, redis.url, { inFlight: 2 });
  });

  afterEach(async () => {
    await daemon?.kill();
    await shop.close();
  });

  async function run(statements: readonly string[]): Promise<void> {
    for (const statement of statements) await onReplica.query(statement);
  }

  /** Resolves when the replica has applied what was committed until now. */
  async function caughtUp(): Promise<void> {
    await shop.db.query('UPDATE unmapped SET n = n + 1 WHERE id = 1');
    const read = async (server: Pool): Promise<string> => {
      const [rows] = await server.query<RowDataPacket[]>(`SELECT n FROM ${shop.db.name}.unmapped`);
      return String(rows[0]?.['n']);
    };
    const written = await read(shop.db.pool);
    await eventually(
      'the replica has everything',
      () => read(onReplica),
      (n) => n === written,
    );
  }

  async function start(source: Readonly<Record<string, unknown>>): Promise<DaemonProcess> {
    await shop.db.query('INSERT INTO unmapped VALUES (1, 0)');
    await caughtUp();
    daemon = await startDaemon(shop.config({ source }));
    await daemon.ready();
    return daemon;
  }

  function replicaUrl(): string {
    const url = new URL(shop.db.url);
    url.port = String(replica.port);
    return url.href;
  }

  it.each([
    ['the source and the replica', () => [shop.db.url, replicaUrl()]],
    ['the replica', () => [replicaUrl()]],
  ])('keys go when the replica shows the change, if %s are named', async (_, barrier) => {
    const running = await start({ barrier: barrier(), barrier_timeout: PATIENT });
    await run(STATEMENTS[flavour].stopApplier);
    await shop.cache('user:1');
    await shop.db.query("INSERT INTO users (id, name) VALUES (1, 'new')");
    await eventually(
      'the daemon has read the change',
      async () => (await running.metrics()).sum('unstale_in_flight_bytes'),
      (bytes) => bytes > 0,
    );
    expect(await shop.cached(['user:1'])).toEqual(['user:1']);
    await run(STATEMENTS[flavour].startApplier);
    await drained(shop, running);
    expect(await shop.cached(['user:1'])).toEqual([]);
    expect((await running.metrics()).sum('unstale_barrier_timeouts_total')).toBe(0);
    expect((await running.stop()).code).toBe(0);
  });

  it('keys go in the end while the replica lags, and once more when it shows the change', async () => {
    const running = await start({ barrier: [shop.db.url, replicaUrl()], barrier_timeout: '500ms' });
    await run(STATEMENTS[flavour].stopApplier);
    await shop.cache('user:1');
    await shop.db.query("INSERT INTO users (id, name) VALUES (1, 'new')");
    const isCached = async (): Promise<boolean> => (await shop.cached(['user:1'])).length > 0;
    await eventually('the first delete', isCached, (cached) => !cached);
    const line = await running.logged('which server', ({ code }) => code === 'UNSTALE_BARRIER_TIMEOUT');
    expect(line['server']).toBe(`127.0.0.1:${replica.port}`);
    // What a reader of the replica does.
    await shop.cache('user:1');
    expect(await running.status()).toMatchObject({
      barrier: [
        { server: `127.0.0.1:${primary.port}`, answer: 'visible' },
        { server: `127.0.0.1:${replica.port}`, answer: 'unknown' },
      ],
    });
    await run(STATEMENTS[flavour].startApplier);
    await eventually('the second delete', isCached, (cached) => !cached);
    await drained(shop, running);
  });

  it('deletes go on without a replica that was killed, also after a start, and wait for it when it is back', async () => {
    const running = await start({ barrier: [shop.db.url, replicaUrl()] });
    await replica.kill();
    await shop.cache('user:1');
    await shop.db.query("INSERT INTO users (id, name) VALUES (1, 'new')");
    await eventually(
      'the delete',
      () => shop.cached(['user:1']),
      (cached) => cached.length === 0,
    );
    const failed = await running.logged('which server', ({ code }) => code === 'UNSTALE_BARRIER_FAILED');
    expect(failed['server']).toBe(`127.0.0.1:${replica.port}`);
    await running.kill();

    const restarted = await startDaemon(shop.config({ source: { barrier: [shop.db.url, replicaUrl()] } }));
    daemon = restarted;
    await restarted.ready();
    const warning = restarted.logs.find(({ code }) => code === 'UNSTALE_BARRIER_FAILED');
    expect(warning).toMatchObject({ level: 'warn', msg: expect.stringContaining(String(replica.port)) });
    await shop.cache('user:2');
    await shop.db.query("INSERT INTO users (id, name) VALUES (2, 'new')");
    await eventually(
      'the delete',
      () => shop.cached(['user:2']),
      (cached) => cached.length === 0,
    );
    await replica.start();
    await restarted.logged('it is back', ({ msg }) => /passes again/.test(String(msg)), 30_000);
    await drained(shop, restarted);
  });

  describe('that lags a second behind, and fills keys again at once', () => {
    beforeAll(() => run(STATEMENTS[flavour].delay(1)));
    afterAll(() => run(STATEMENTS[flavour].delay(0)));

    /** Keys whose cached value differs from the row, after every row was updated once. */
    const staleKeys = async (barrier: () => unknown): Promise<number> => {
      const ids = Array.from({ length: ROWS }, (_, index) => index + 1);
      await shop.db.query(`INSERT INTO users (id, name) VALUES ${ids.map((id) => `(${id}, 'old')`).join()}`);
      const running = await start({ barrier: barrier(), barrier_timeout: PATIENT });
      await shop.redis.mset(Object.fromEntries(ids.map((id) => [shop.key(`user:${id}`), 'old'])));
      const refiller = await startRefiller(shop, replica, redis.url);
      for (const id of ids) await shop.db.query("UPDATE users SET name = 'new' WHERE id = ?", [id]);
      await drained(shop, running);
      await eventually(
        'every key was filled again',
        () => refiller.filled,
        (filled) => filled >= ROWS,
      );
      await refiller.close();
      const values = await shop.redis.mget(ids.map((id) => shop.key(`user:${id}`)));
      expect((await running.metrics()).sum('unstale_barrier_timeouts_total')).toBe(0);
      const stale = values.filter((value) => value !== 'new').length;
      console.log(`${flavour}: ${stale} of ${ROWS} stale`);
      return stale;
    };

    it('keeps old rows if only the source is asked', async () => {
      expect(await staleKeys(() => 'source')).toBeGreaterThan(0);
    });

    it('keeps no old row if the replica is named', async () => {
      expect(await staleKeys(() => [shop.db.url, replicaUrl()])).toBe(0);
    });
  });
});
