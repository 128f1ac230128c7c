import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import type { Checkpoint } from '../../src/change/checkpoint.ts';
import { UnstaleError } from '../../src/errors/unstale-error.ts';
import type { AppliedAt, PositionStore, SqlClient, SqlWriter } from '../../src/pipeline/ports.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClientOptions } from '../../src/runtime/mysql-client.ts';
import { createDatasetStore } from '../../src/state/dataset-store.ts';
import { createHistoryStore } from '../../src/state/history-store.ts';
import { createLeaderLock } from '../../src/state/leader-lock.ts';
import type { LeaderLock } from '../../src/state/leader-lock.ts';
import { stateDdl } from '../../src/state/migrations.ts';
import { createPositionStore } from '../../src/state/position-store.ts';
import { migrateState } from '../../src/state/migrate.ts';
import type { TableOptions } from '../../src/state/fence.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';

const checkpoint: Checkpoint = {
  clientId: 'shop',
  position: {
    serverUuid: '00bf3915-e786-11f1-a3ef-02fc00000001',
    epoch: 3,
    file: 'binlog.000042',
    offset: Number.MAX_SAFE_INTEGER,
    fileCreatedAt: 1_700_000_000,
    gtidSet: '00bf3915-e786-11f1-a3ef-02fc00000001:1-9007199254740993:9007199254740995',
  },
  mappingHash: 'a'.repeat(64),
  fencingToken: 7,
  savedAt: Date.UTC(2024, 1, 29, 23, 59, 59, 987),
};

interface Line {
  readonly fields: object;
  readonly message: string;
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof UnstaleError ? error.code : String(error)),
  );

describe.each(inject('servers').mysql.map(({ label, flavour }) => ({ label, flavour })))(
  'the position store on $label',
  ({ flavour }) => {
    let server: TestMysqlServer;
    let database: TestDatabase;
    let lines: Line[];
    const clients: SqlClient[] = [];

    const clientOf = (
      account: { user: string; password?: string },
      more: Partial<SqlClientOptions> = {},
    ): SqlWriter => {
      const client = createSqlClient(
        { host: server.host, port: server.port, sslMode: 'preferred', connectTimeout: 5000, ...account },
        { name: 'state', queryTimeout: 5000, ...more },
      );
      clients.push(client);
      return client;
    };
    const note = (fields: object, message: string): void => void lines.push({ fields, message });
    const log = { debug: note, info: note, warn: note, error: note };
    const migrate = (client: SqlClient): Promise<void> =>
      migrateState({ client, database: database.stateDatabase, log });
    const lockOf = (client: SqlWriter, clientId = 'shop'): LeaderLock =>
      createLeaderLock({ client, database: database.stateDatabase, clientId });
    /** What writes in the name of this session, which takes the lock. */
    const lead = async (client: SqlWriter, clientId = 'shop'): Promise<TableOptions> => {
      const lock = lockOf(client, clientId);
      expect(await lock.take(0)).toBe(true);
      const token = await lock.announce({ holder: 'here:1', adminAddress: undefined }, 0);
      return tablesOf(client, token, clientId);
    };
    const tablesOf = (client: SqlWriter, token = 0, clientId = 'shop'): TableOptions => {
      const fence = { lock: lockOf(client, clientId).name, token };
      return { client, database: database.stateDatabase, clientId, fence };
    };
    const storeOf = (client: SqlWriter): PositionStore => createPositionStore(tablesOf(client));
    /** The tables are there, and this session leads. */
    const leadingStore = async (client = clientOf(database.account)): Promise<PositionStore> => {
      await migrate(client);
      return createPositionStore(await lead(client));
    };
    /** An account with these privileges on the state database. */
    const account = async (privileges: string): Promise<{ user: string; password: string }> => {
      const user = `${database.name}little`;
      await database.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
      await database.query(`GRANT ${privileges} ON ${database.stateDatabase}.* TO '${user}'@'%'`);
      return { user, password: 'pw' };
    };
    const runDdl = async (): Promise<void> => {
      for (const sql of stateDdl(database.stateDatabase)) await database.query(sql);
    };

    beforeAll(async () => {
      server = await startMysqlServer({ flavour });
    });
    afterAll(async () => server.destroy());
    beforeEach(async () => {
      lines = [];
      database = await createDatabase(server);
    });
    afterEach(async () => {
      await Promise.all(clients.splice(0).map(async (client) => client.close()));
      await database.query('SET GLOBAL read_only = OFF');
      await database.drop();
    });

    it('gives back exactly what was saved last', async () => {
      const store = await leadingStore();
      expect(await store.load()).toBeUndefined();
      await store.save(checkpoint);
      expect(await store.load()).toEqual(checkpoint);

      const { gtidSet: _, ...position } = { ...checkpoint.position, file: 'binlog.000043', offset: 4 };
      const next = { ...checkpoint, position, mappingHash: 'b', fencingToken: 8, savedAt: 0 };
      await store.save(next);
      expect(await store.load()).toEqual(next);
      expect(await database.query(`SELECT 1 FROM ${database.stateDatabase}.positions`)).toHaveLength(1);
    });

    it('keeps the newest moments, and one a minute and one an hour beside them', async () => {
      const client = clientOf(database.account);
      await migrate(client);
      const tables = await lead(client);
      const history = createHistoryStore(tables);
      const entryAt = (minutes: number): AppliedAt => ({
        position: { ...checkpoint.position, offset: 1000 + minutes },
        at: Date.UTC(2026, 0, 1) + minutes * 60_000,
      });
      const minutes = Array.from({ length: 200 }, (_, index) => index);
      for (const minute of minutes) {
        await history.keep(entryAt(minute));
        // A second one in the same minute changes nothing.
        await history.keep({ ...entryAt(minute), at: entryAt(minute).at + 1 });
        await history.remember(entryAt(minute));
      }
      const newest = minutes.slice(-16).map(entryAt);
      expect(await history.loadHistory()).toEqual(newest);
      const all = await history.loadAll();
      expect(new Set(all.map(({ at }) => at))).toEqual(
        new Set([0, 60, 120, 180, ...minutes.slice(-60)].map((minute) => entryAt(minute).at)),
      );
      expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).toSorted((one, other) => one - other));
      // Another run goes on in the slot behind.
      const later = createHistoryStore(tables);
      await later.loadHistory();
      await later.remember(entryAt(200));
      expect((await later.loadHistory()).map(({ at }) => at)).toEqual(
        [...newest.slice(1), entryAt(200)].map(({ at }) => at),
      );
    });

    it('keeps a GTID set of any length and a row for each client', async () => {
      const one = await leadingStore();
      const other = createPositionStore(await lead(clientOf(database.account), 'Shop'));
      const gtidSet = Array.from({ length: 20_000 }, (_, index) => `0-${index}-18446744073709551615`).join(
        ',',
      );
      const long = { ...checkpoint, position: { ...checkpoint.position, gtidSet } };
      await one.save(long);
      await other.save({ ...checkpoint, clientId: 'Shop' });
      expect(await one.load()).toEqual(long);
      expect(await other.load()).toEqual({ ...checkpoint, clientId: 'Shop' });
    });

    it('survives several daemons that migrate at once', async () => {
      const clients = Array.from({ length: 5 }, () => clientOf(database.account));
      await Promise.all(clients.map(migrate));
      expect(lines.filter(({ message }) => message.startsWith('created'))).toHaveLength(1);
      await createPositionStore(await lead(clients[4]!)).save(checkpoint);
      expect(await storeOf(clients[0]!).load()).toEqual(checkpoint);
    });

    it('gives up a migration whose lock was lost with the connection', async () => {
      const client = clientOf(database.account);
      const cut: SqlClient = {
        close: async () => client.close(),
        query: async (sql, params) => {
          const rows = await client.query(sql, params);
          if (sql.includes('GET_LOCK')) await database.query(`KILL ${String(rows[0]?.['session'])}`);
          return rows;
        },
      };
      expect(await codeOf(migrate(cut))).toBe('UNSTALE_STATE_UNAVAILABLE');
      await migrate(clientOf(database.account));
    });

    it('needs no privilege to create tables that an administrator made', async () => {
      const little = await account('SELECT, INSERT, UPDATE');
      expect(await codeOf(migrate(clientOf(little)))).toBe('UNSTALE_STATE_SCHEMA');
      await runDdl();
      await runDdl();
      const store = await leadingStore(clientOf(little));
      await store.save(checkpoint);
      expect(await store.load()).toEqual(checkpoint);
    });

    it('refuses tables of a newer program', async () => {
      await runDdl();
      await database.query(`INSERT INTO ${database.stateDatabase}.schema_migrations VALUES (999, NOW())`);
      expect(await codeOf(migrate(clientOf(database.account)))).toBe('UNSTALE_STATE_SCHEMA');
    });

    it('names what keeps it from reading and writing', async () => {
      await runDdl();
      const reader = storeOf(clientOf(await account('SELECT')));
      expect(await codeOf(reader.save(checkpoint))).toBe('UNSTALE_STATE_DENIED');

      const store = await leadingStore();
      await database.query('SET GLOBAL read_only = ON');
      await migrate(clientOf(database.account));
      expect(await codeOf(store.save(checkpoint))).toBe('UNSTALE_STATE_READ_ONLY');
      await database.query('SET GLOBAL read_only = OFF');
      await store.save(checkpoint);

      await database.query(
        `UPDATE ${database.stateDatabase}.positions SET binlog_position = 18446744073709551615`,
      );
      expect(await codeOf(store.load())).toBe('UNSTALE_STATE_SCHEMA');
      await database.query(`DROP TABLE ${database.stateDatabase}.positions`);
      expect(await codeOf(store.load())).toBe('UNSTALE_STATE_SCHEMA');
      const refused = storeOf(clientOf({ ...database.account, password: 'wrong' }));
      expect(await codeOf(refused.load())).toBe('UNSTALE_STATE_DENIED');
    });

    it('lets nobody write but the session with the lock, under the newest number', async () => {
      const [one, other] = [clientOf(database.account), clientOf(database.account)];
      await migrate(one);
      const before = await lead(one);
      const identity = (tables: TableOptions): Promise<void> =>
        createDatasetStore(tables).saveDataset(`of ${tables.fence.token}`);
      const remember = (tables: TableOptions): Promise<void> =>
        createHistoryStore(tables).remember({ position: checkpoint.position, at: 0 });
      const writes = (tables: TableOptions): Promise<void>[] => [
        createPositionStore(tables).save({ ...checkpoint, fencingToken: tables.fence.token }),
        remember(tables),
        identity(tables),
      ];
      await Promise.all(writes(before));

      // Without the lock, though the number is right; with the lock, under an older number.
      expect(await lockOf(other).take(0)).toBe(false);
      const lost = Array.from({ length: 3 }, () => 'UNSTALE_LEASE_LOST');
      const codes = (tables: TableOptions): Promise<string[]> => Promise.all(writes(tables).map(codeOf));
      expect(await codes(tablesOf(other, before.fence.token))).toEqual(lost);
      await lockOf(one).release();
      const after = await lead(other);
      expect(after.fence.token).toBe(before.fence.token + 1);
      expect(await codes(before)).toEqual(lost);
      expect(await codes(tablesOf(other, before.fence.token))).toEqual(lost);
      await Promise.all(writes(after));
      expect(await storeOf(one).load()).toMatchObject({ fencingToken: after.fence.token });
      expect(await createDatasetStore(before).loadDataset()).toBe(`of ${after.fence.token}`);
      expect((await lockOf(one).look()).leader).toEqual({
        holder: 'here:1',
        adminAddress: undefined,
        token: after.fence.token,
      });
    });

    it('may be tried again after a lock wait or an outage', async () => {
      const client = clientOf(database.account, {
        sessionSetup: ['SET SESSION innodb_lock_wait_timeout = 1'],
      });
      const store = await leadingStore(client);
      await store.save(checkpoint);
      const holder = await database.pool.getConnection();
      await holder.query('START TRANSACTION');
      await holder.query(`SELECT * FROM ${database.stateDatabase}.positions FOR UPDATE`);
      expect(await codeOf(store.save(checkpoint))).toBe('UNSTALE_STATE_UNAVAILABLE');
      holder.destroy();
      if (!server.controllable) return;
      await server.stop();
      expect(await codeOf(store.save(checkpoint))).toBe('UNSTALE_STATE_UNAVAILABLE');
      await server.start();
      expect(await codeOf(store.save(checkpoint))).toBe('UNSTALE_LEASE_LOST');
      await createPositionStore(await lead(client)).save(checkpoint);
      expect(await store.load()).toEqual(checkpoint);
    });

    it('writes to the binlog, also where the account need not: a replica that is promoted has to know the position', async () => {
      const privilege = flavour === 'mysql' ? 'SESSION_VARIABLES_ADMIN' : 'BINLOG ADMIN';
      await database.query(`GRANT ${privilege} ON *.* TO '${database.account.user}'@'%'`);
      const status = flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
      const offset = async (): Promise<number> => Number((await database.query(status))[0]?.['Position']);
      const store = await leadingStore(clientOf(database.account));
      const before = await offset();
      await store.save({ ...checkpoint, savedAt: before });
      expect(await offset()).toBeGreaterThan(before);
    });
  },
);
