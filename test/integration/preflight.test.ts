import { createConnection } from 'mysql2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { listPrimaryKeys } from '../../src/binlog/preflight/primary-keys.ts';
import { formatPreflight } from '../../src/binlog/preflight/format.ts';
import type { PreflightProblem, PreflightReport } from '../../src/binlog/preflight/problem.ts';
import { runPreflight } from '../../src/binlog/preflight/preflight.ts';
import type { PreflightOptions } from '../../src/binlog/preflight/preflight.ts';
import { readServerFacts } from '../../src/binlog/server-facts.ts';
import type { TableInterest } from '../../src/change/table.ts';
import { nearestName } from '../../src/errors/nearest-name.ts';
import { UnstaleError } from '../../src/errors/unstale-error.ts';
import type { SqlClient } from '../../src/pipeline/ports.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { stateDdl } from '../../src/state/migrations.ts';
import { createDatabase } from '../support/database.ts';
import { interestsIn } from '../support/interests.ts';
import type { TestDatabase } from '../support/database.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';

interface Login {
  readonly user: string;
  readonly password?: string;
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What of the problems a test compares; the rest is for people. */
const brief = (problems: readonly PreflightProblem[]): readonly string[] =>
  problems.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);

describe.each(inject('servers').mysql.map(({ label, flavour }) => ({ label, flavour })))(
  'the preflight on $label',
  ({ flavour }) => {
    let server: TestMysqlServer;
    let database: TestDatabase;
    const clients: SqlClient[] = [];
    const isMysql = flavour === 'mysql';

    const clientOf = (login: Login): SqlClient => {
      const client = createSqlClient(
        { host: server.host, port: server.port, sslMode: 'preferred', connectTimeout: 5000, ...login },
        { name: 'preflight', queryTimeout: 10_000 },
      );
      clients.push(client);
      return client;
    };
    const mapped = (table: string, ...columns: readonly string[]): TableInterest => ({
      table: { schema: database.name, table },
      columns,
    });
    const check = async (
      interests: readonly TableInterest[],
      more: Partial<PreflightOptions> & { readonly login?: Login } = {},
    ): Promise<readonly PreflightProblem[]> => {
      const { login = database.account, ...options } = more;
      const report = await runPreflight({
        client: clientOf(login),
        interests: interestsIn(interests),
        serverId: 64_001,
        user: login.user,
        stateDatabase: database.stateDatabase,
        log: silent,
        nearestName,
        ...options,
      });
      return report.problems;
    };
    const create = async (table: string, definition: string): Promise<void> => {
      await database.query(`CREATE TABLE ${database.name}.${table} (${definition})`);
    };
    /** Runs the statements that a problem suggests, as root. */
    const applyFix = async (problem: PreflightProblem | undefined): Promise<void> => {
      if (problem?.fix === undefined) throw new Error('there is no fix');
      for (const sql of problem.fix.split('; ')) await database.query(sql);
    };
    const account = async (...grants: readonly string[]): Promise<Login> => {
      const user = `${database.name}little`;
      await database.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
      for (const grant of grants) await database.query(`GRANT ${grant} TO '${user}'@'%'`);
      return { user, password: 'pw' };
    };

    beforeAll(async () => {
      server = await startMysqlServer({ flavour });
    });
    afterAll(async () => server.destroy());
    beforeEach(async () => {
      database = await createDatabase(server);
    });
    afterEach(async () => {
      await Promise.all(clients.splice(0).map(async (client) => client.close()));
      await database.drop();
    });

    it('finds nothing wrong with a server and an account that are set up as documented', async () => {
      await create('users', 'id BIGINT PRIMARY KEY, email VARCHAR(100) NOT NULL');
      const options = {
        client: clientOf(database.account),
        interests: interestsIn([mapped('users', 'id', 'EMAIL')]),
        log: silent,
      };
      const report = await runPreflight({
        ...options,
        serverId: 64_001,
        user: database.account.user,
        stateDatabase: database.stateDatabase,
      });
      expect(report.problems).toEqual([]);
      expect(report.server).toMatchObject({ flavour, serverId: 1, gtidEnabled: true, logBin: true });
      expect(formatPreflight(report)).toContain('Every precondition of the server is met.');
    });

    it('knows the server by a name that a restart does not change', async () => {
      const facts = await readServerFacts(clientOf(database.account));
      expect(facts.version).toBe(server.version);
      expect(facts.serverUuid).toMatch(isMysql ? /^[0-9a-f-]{36}$/ : /^mariadb-1$/);
      if (server.controllable) {
        await server.stop();
        await server.start();
      }
      expect(await readServerFacts(clientOf(database.account))).toEqual(facts);
    });

    const wrongSettings = [
      ['binlog_format', 'MIXED', 'UNSTALE_BINLOG_FORMAT'],
      ['binlog_row_metadata', 'MINIMAL', 'UNSTALE_ROW_METADATA'],
    ] as const;

    it('reports all wrong settings at once, and its fixes mend them', async () => {
      for (const [variable, value] of wrongSettings)
        await database.query(`SET GLOBAL ${variable} = '${value}'`);
      const problems = await check([]);
      expect(brief(problems)).toEqual(wrongSettings.map(([variable, , code]) => `error ${code} ${variable}`));
      for (const problem of problems) await applyFix(problem);
      expect(await check([])).toEqual([]);
      if (isMysql) await database.query('RESET PERSIST');
    });

    it('warns of key columns that the row image may leave out, and its fix brings them back', async () => {
      await create('users', 'id BIGINT PRIMARY KEY, email VARCHAR(100) NOT NULL, bio TEXT NOT NULL');
      await create('codes', 'code INT NOT NULL UNIQUE, n INT');
      await create('log', 'line VARCHAR(20) NOT NULL');
      const rules = [mapped('users', 'id', 'Email', 'bio'), mapped('codes', 'code'), mapped('log', 'line')];
      const columnsOf = async (): Promise<readonly string[]> =>
        (await check(rules)).map(({ message }) => /, and (.*?) of /.exec(message)?.[1] ?? message);
      await database.query("SET GLOBAL binlog_row_image = 'NOBLOB'");
      expect(await columnsOf()).toEqual(['bio']);
      await database.query("SET GLOBAL binlog_row_image = 'MINIMAL'");
      expect(await columnsOf()).toEqual(['email, bio']);
      expect(await check([mapped('users', 'id')])).toEqual([]);
      const problems = await check(rules);
      expect(brief(problems)).toEqual([`warning UNSTALE_ROW_IMAGE ${database.name}.users`]);
      await applyFix(problems[0]);
      expect(await check(rules)).toEqual([]);
      if (isMysql) await database.query('RESET PERSIST');
    });

    it.runIf(isMysql)('warns of GTIDs that are off, and its fix turns them on', async () => {
      for (const mode of ['ON_PERMISSIVE', 'OFF_PERMISSIVE', 'OFF'])
        await database.query(`SET GLOBAL gtid_mode = ${mode}`);
      await database.query('SET GLOBAL enforce_gtid_consistency = OFF');
      const problems = await check([]);
      expect(brief(problems)).toEqual(['warning UNSTALE_GTID_OFF gtid_mode']);
      await applyFix(problems[0]);
      expect(await check([])).toEqual([]);
      await database.query('RESET PERSIST');
    });

    it('says that there is no binlog, or none of the mapped schema', async () => {
      const start = async (...args: readonly string[]): Promise<readonly string[]> => {
        const own = await startMysqlServer({ flavour, args });
        const client = createSqlClient(
          { host: own.host, port: own.port, user: 'root', sslMode: 'disabled', connectTimeout: 5000 },
          { name: 'preflight', queryTimeout: 10_000 },
        );
        try {
          await client.query('CREATE DATABASE shop');
          await client.query('CREATE TABLE shop.t (id INT PRIMARY KEY)');
          const { problems } = await runPreflight({
            client,
            interests: interestsIn([{ table: { schema: 'shop', table: 't' }, columns: ['id'] }]),
            serverId: 64_001,
            user: 'root',
            stateDatabase: 'unstale',
            log: silent,
          });
          return brief(problems);
        } finally {
          await client.close();
          await own.destroy();
        }
      };
      expect(await start('--skip-log-bin', ...(isMysql ? ['--gtid-mode=OFF'] : []))).toEqual([
        'error UNSTALE_BINLOG_OFF log_bin',
      ]);
      expect(await start('--binlog-ignore-db=shop')).toEqual(['error UNSTALE_BINLOG_OFF binlog_ignore_db']);
      expect(await start('--binlog-do-db=other')).toEqual([
        'error UNSTALE_BINLOG_OFF binlog_do_db',
        'warning UNSTALE_STATE_NOT_REPLICATED binlog_do_db',
      ]);
      expect(await start('--binlog-do-db=shop')).toEqual([
        'warning UNSTALE_STATE_NOT_REPLICATED binlog_do_db',
      ]);
      expect(await start('--binlog-do-db=shop', '--binlog-do-db=unstale')).toEqual([]);
      if (isMysql) expect(await start('--server-id=0')).toEqual(['error UNSTALE_SERVER_ID_CLASH server_id']);
    });

    it('refuses a replica that does not log what it replicates', async () => {
      await database.query(`SET GLOBAL server_id = 5`);
      const own = await startMysqlServer({
        flavour,
        args: [isMysql ? '--log-replica-updates=OFF' : '--log-slave-updates=OFF', '--server-id=6'],
      });
      const client = createSqlClient(
        { host: own.host, port: own.port, user: 'root', sslMode: 'disabled', connectTimeout: 5000 },
        { name: 'preflight', queryTimeout: 10_000 },
      );
      try {
        const options = {
          client,
          interests: interestsIn([]),
          user: 'root',
          stateDatabase: undefined,
          log: silent,
        };
        expect((await runPreflight({ ...options, serverId: 64_001 })).problems).toEqual([]);
        await client.query(
          isMysql
            ? `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${server.port}, SOURCE_USER='root'`
            : `CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=${server.port}, MASTER_USER='root'`,
        );
        expect(brief((await runPreflight({ ...options, serverId: 64_001 })).problems)).toEqual([
          `error UNSTALE_BINLOG_OFF ${isMysql ? 'log_replica_updates' : 'log_slave_updates'}`,
        ]);
        await client.query(isMysql ? 'START REPLICA' : 'START SLAVE');
        const withState = { ...options, stateDatabase: 'unstale', serverId: 64_001 };
        expect(brief((await runPreflight(withState)).problems)).toContain(
          'warning UNSTALE_STATE_NOT_REPLICATED state.url',
        );
        await client.query(isMysql ? 'STOP REPLICA' : 'STOP SLAVE');
        expect(brief((await runPreflight(withState)).problems)).not.toContain(
          'warning UNSTALE_STATE_NOT_REPLICATED state.url',
        );
      } finally {
        await client.close();
        await own.destroy();
        await database.query(`SET GLOBAL server_id = 1`);
      }
    });

    it('refuses a server_id that the server or a replica has', async () => {
      expect(brief(await check([], { serverId: 1 }))).toEqual([
        'error UNSTALE_SERVER_ID_CLASH source.server_id',
      ]);
      const replica = createConnection({ host: server.host, port: server.port, user: 'root' });
      await registerReplica(replica, 64_002);
      // MariaDB shows replicas only to those who may administer them.
      if (!isMysql)
        await database.query(`GRANT REPLICATION MASTER ADMIN ON *.* TO '${database.account.user}'@'%'`);
      const problems = await check([], { serverId: 64_002 });
      expect(brief(problems)).toEqual(['error UNSTALE_SERVER_ID_CLASH source.server_id']);
      expect(problems[0]?.message).toContain('A replica with server_id 64002');
      expect(await check([], { serverId: 64_003 })).toEqual([]);
      replica.destroy();
    });

    it('names every missing privilege, and its GRANTs give them', async () => {
      await create('users', 'id INT PRIMARY KEY');
      const login = await account();
      const problems = await check([mapped('users', 'id')], { login });
      expect(brief(problems)).toEqual([
        'error UNSTALE_PRIVILEGE_MISSING REPLICATION SLAVE, REPLICATION CLIENT',
        'error UNSTALE_PRIVILEGE_MISSING CREATE, SELECT, INSERT, UPDATE',
        `error UNSTALE_TABLE_MISSING ${database.name}.users`,
      ]);
      expect(problems[0]?.fix).toBe(
        `GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '${login.user}'@'%'`,
      );
      for (const problem of problems) await applyFix(problem);
      expect(await check([mapped('users', 'id')], { login })).toEqual([]);
    });

    it('takes the privileges of an active role for the account’s own', async () => {
      const role = `${database.name}role`;
      const login = await account();
      await database.query(`CREATE ROLE ${role}`);
      await database.query(`GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${role}`);
      await database.query(`GRANT ALL ON ${database.stateDatabase}.* TO ${role}`);
      await database.query(`GRANT ${role} TO '${login.user}'@'%'`);
      expect(await check([], { login })).toHaveLength(2);
      await database.query(`SET DEFAULT ROLE ${role} ${isMysql ? 'TO' : 'FOR'} '${login.user}'@'%'`);
      expect(await check([], { login })).toEqual([]);
      await database.query(`DROP ROLE ${role}`);
    });

    it('names the account that the server took the login for', async () => {
      await database.query("CREATE USER ''@'%'");
      try {
        const [problem] = await check([], { login: { user: 'stranger' }, stateDatabase: undefined });
        expect(problem?.message).toContain('The server took the login "stranger" for this account.');
        expect(problem?.fix).toContain("TO ''@'%'");
      } finally {
        await database.query("DROP USER ''@'%'");
      }
    });

    it('asks for the state database only what is needed, with the wildcards of its name escaped', async () => {
      const stateDatabase = `${database.name}_state`;
      const login = await account('REPLICATION SLAVE, REPLICATION CLIENT ON *.*');
      for (const sql of stateDdl(stateDatabase)) await database.query(sql);
      await database.query(`GRANT SELECT ON \`${database.name}\\_state\`.* TO '${login.user}'@'%'`);
      const problems = await check([], { login, stateDatabase });
      expect(problems.map(({ fix }) => fix)).toEqual([
        `GRANT INSERT, UPDATE ON \`${database.name}\\_state\`.* TO '${login.user}'@'%'`,
      ]);
      await applyFix(problems[0]);
      expect(await check([], { login, stateDatabase })).toEqual([]);
      expect(await check([], { login, stateDatabase: undefined })).toEqual([]);
      await database.query(`DROP DATABASE ${stateDatabase}`);
    });

    it('refuses to keep its state on a server that takes no writes', async () => {
      await database.query('SET GLOBAL read_only = ON');
      try {
        expect(brief(await check([]))).toEqual(['error UNSTALE_STATE_READ_ONLY read_only']);
        expect(await check([], { stateDatabase: undefined })).toEqual([]);
        expect(await check([], { login: { user: 'root' } })).toEqual([]);
      } finally {
        await database.query('SET GLOBAL read_only = OFF');
      }
    });

    it('tells missing tables and columns, hidden ones, and what was meant', async () => {
      await create('users', 'id INT PRIMARY KEY, email VARCHAR(100) NOT NULL');
      await database.query(`CREATE VIEW ${database.name}.v AS SELECT 1 AS id`);
      await database.query(`GRANT SHOW VIEW ON ${database.name}.* TO '${database.account.user}'@'%'`);
      const elsewhere: TableInterest = { table: { schema: 'nowhere', table: 'users' }, columns: ['id'] };
      const problems = await check([
        mapped('user', 'id'),
        mapped('users', 'id', 'emial', 'nothing'),
        mapped('v', 'id'),
        elsewhere,
      ]);
      const { name } = database;
      expect(brief(problems)).toEqual([
        `error UNSTALE_TABLE_MISSING ${name}.user`,
        `error UNSTALE_COLUMN_MISSING ${name}.users.emial`,
        `error UNSTALE_COLUMN_MISSING ${name}.users.nothing`,
        `error UNSTALE_TABLE_MISSING ${name}.v`,
        'error UNSTALE_TABLE_MISSING nowhere.users',
      ]);
      expect(problems.map(({ message }) => message)).toEqual([
        `${name}.user does not exist. There is ${name}.users.`,
        `${name}.users has no column emial. Did you mean email?`,
        `${name}.users has no column nothing.`,
        expect.stringContaining('no table but a view'),
        expect.stringContaining('may not see it'),
      ]);
      expect(problems.map(({ fix }) => fix !== undefined)).toEqual([false, false, false, false, true]);
    });

    it('tells a hidden column from a missing one', async () => {
      await create('users', 'id INT PRIMARY KEY, email VARCHAR(100) NOT NULL');
      const login = await account(
        'REPLICATION SLAVE, REPLICATION CLIENT ON *.*',
        `SELECT (id) ON ${database.name}.users`,
      );
      const problems = await check([mapped('users', 'id', 'email')], { login, stateDatabase: undefined });
      expect(brief(problems)).toEqual([
        `error UNSTALE_COLUMN_MISSING ${database.name}.users.email`,
        // Foreign keys are hidden as well, which matters where the server does not log their cascades.
        ...(isMysql ? [] : [`warning UNSTALE_CASCADE_UNLOGGED ${database.name}.users`]),
      ]);
      await applyFix(problems[0]);
      expect(await check([mapped('users', 'id', 'email')], { login, stateDatabase: undefined })).toEqual([]);
    });

    it('names the spelling of the server where it folds the case of names', async () => {
      const own = await startMysqlServer({ flavour, args: isMysql ? [] : ['--lower-case-table-names=1'] });
      try {
        const other = await createDatabase(own);
        await other.query(`CREATE TABLE ${other.name}.users (id INT PRIMARY KEY)`);
        const client = createSqlClient(
          { host: own.host, port: own.port, sslMode: 'disabled', connectTimeout: 5000, ...other.account },
          { name: 'preflight', queryTimeout: 10_000 },
        );
        const { problems } = await runPreflight({
          client,
          interests: interestsIn([{ table: { schema: other.name, table: 'Users' }, columns: ['id'] }]),
          serverId: 64_001,
          user: other.account.user,
          stateDatabase: undefined,
          log: silent,
          nearestName,
        });
        expect(problems.map(({ message }) => message)).toEqual([
          isMysql
            ? `${other.name}.Users does not exist. There is ${other.name}.users.`
            : expect.stringContaining(`spells ${other.name}.Users as ${other.name}.users`),
        ]);
        await client.close();
        await other.drop();
      } finally {
        await own.destroy();
      }
    });

    const refusedTypes = [
      ['FLOAT', true],
      ['DOUBLE', true],
      ['DECIMAL(8,2) ZEROFILL', true],
      ['BIT(8)', true],
      ['BLOB', true],
      ['BINARY(16)', true],
      ['VARBINARY(16)', true],
      ['POINT', true],
      ['GEOMETRY', true],
      ['JSON', isMysql],
      ['VECTOR(3)', isMysql],
    ] as const;

    it('refuses key columns without an exact text form, and says what to use instead', async () => {
      const types = refusedTypes.flatMap(([type, exists]) => (exists ? [type] : []));
      await create('t', types.map((type, index) => `c${index} ${type} NOT NULL`).join(', '));
      const problems = await check([mapped('t', ...types.map((_, index) => `c${index}`))]);
      expect(brief(problems)).toEqual(
        types.map((_, index) => `error UNSTALE_COLUMN_TYPE ${database.name}.t.c${index}`),
      );
      for (const { message } of problems) expect(message).toMatch(/: .+(Use|Drop|Write) /);
    });

    it('takes every other type', async () => {
      const types = [
        'TINYINT(1)',
        'SMALLINT',
        'MEDIUMINT',
        'INT',
        'BIGINT UNSIGNED',
        'DECIMAL(20,4)',
        'YEAR',
        'CHAR(3)',
        'VARCHAR(20)',
        'TEXT',
        'MEDIUMTEXT',
        "ENUM('a','b')",
        "SET('a','b')",
        'DATE',
        'TIME(6)',
        'DATETIME(6)',
        ...(isMysql ? [] : ['UUID', 'INET4', 'INET6']),
      ];
      await create('t', types.map((type, index) => `c${index} ${type} NOT NULL`).join(', '));
      expect(await check([mapped('t', ...types.map((_, index) => `c${index}`))])).toEqual([]);
    });

    it('warns of key columns whose text may differ from the application’s, and of those that may be NULL', async () => {
      await create('t', 'a INT(5) ZEROFILL NOT NULL, b TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, c INT');
      expect(brief(await check([mapped('t', 'a', 'b', 'c')]))).toEqual([
        `warning UNSTALE_COLUMN_TYPE ${database.name}.t.a`,
        `warning UNSTALE_COLUMN_TYPE ${database.name}.t.b`,
        `warning UNSTALE_COLUMN_NULLABLE ${database.name}.t.c`,
      ]);
    });

    it.runIf(isMysql)('accepts a table with a VECTOR column that no rule uses', async () => {
      await create('t', 'id INT PRIMARY KEY, v VECTOR(3)');
      expect(brief(await check([mapped('t', 'id')]))).toEqual([]);
    });

    it.runIf(!isMysql)(
      'refuses a table with columns in the format of MariaDB 5.3, and its fix rebuilds it',
      async () => {
        await database.query('SET GLOBAL mysql56_temporal_format = OFF');
        await create('t', 'id INT PRIMARY KEY, a DATETIME(3), b TIME');
        await database.query('SET GLOBAL mysql56_temporal_format = ON');
        const problems = await check([mapped('t', 'id')]);
        expect(brief(problems)).toEqual([`error UNSTALE_COLUMN_TYPE ${database.name}.t`]);
        expect(problems[0]?.message).toContain('(a, b)');
        await applyFix(problems[0]);
        expect(await check([mapped('t', 'id')])).toEqual([]);
      },
    );

    it('warns of cascades that the server does not log, where no key follows from the parent', async () => {
      const { name } = database;
      await create('orders', 'id INT PRIMARY KEY');
      await create(
        'items',
        `id INT PRIMARY KEY, order_id INT, other INT,
         CONSTRAINT ${name}a FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE SET NULL,
         CONSTRAINT ${name}b FOREIGN KEY (other) REFERENCES orders (id)`,
      );
      const interests = [mapped('orders', 'id'), mapped('items', 'id')];
      const exact = [mapped('items', 'order_id')];
      const unlogged = async (): Promise<readonly PreflightProblem[]> => {
        if (!isMysql) return check(interests);
        const own = await startMysqlServer({ flavour, args: ['--innodb-native-foreign-keys=ON'] });
        const client = createSqlClient(
          { host: own.host, port: own.port, user: 'root', sslMode: 'disabled', connectTimeout: 5000 },
          { name: 'preflight', queryTimeout: 10_000 },
        );
        try {
          await client.query(`CREATE DATABASE ${name}`);
          await client.query(`CREATE TABLE ${name}.orders (id INT PRIMARY KEY)`);
          const [row] = await database.query(`SHOW CREATE TABLE ${name}.items`);
          await client.query(
            String(row?.['Create Table'])
              .replace('CREATE TABLE ', `CREATE TABLE ${name}.`)
              .replaceAll('REFERENCES `orders`', `REFERENCES ${name}.orders`),
          );
          const report = await runPreflight({
            client,
            interests: interestsIn(interests),
            serverId: 64_001,
            user: 'root',
            stateDatabase: undefined,
            log: silent,
          });
          return report.problems;
        } finally {
          await client.close();
          await own.destroy();
        }
      };
      const problems = await unlogged();
      expect(brief(problems)).toEqual([`warning UNSTALE_CASCADE_UNLOGGED ${name}.items`]);
      expect(problems[0]?.message).toContain(`when ${name}.orders changes`);
      expect(problems[0]?.message).toContain('Templates with id have no key');
      if (!isMysql) {
        expect(brief(await check(exact))).toEqual([`warning UNSTALE_COLUMN_NULLABLE ${name}.items.order_id`]);
      }
      if (isMysql) expect(await check(interests)).toEqual([]);
    });

    it('checks the tables that a pattern selects like named ones, and sums up what many have in common', async () => {
      const prefix = `${database.name}tenant`;
      const schemas = Array.from({ length: 21 }, (_, index) => `${prefix}${index}`);
      const selecting = (columns: readonly string[]): Promise<PreflightReport> =>
        runPreflight({
          client: clientOf(database.account),
          interests: interestsIn([], { schemaPrefix: prefix, table: 'users', columns }),
          patterns: [
            {
              text: `${prefix}*.users`,
              matches: (schema, table) => schema.startsWith(prefix) && table === 'users',
            },
          ],
          serverId: 64_001,
          user: database.account.user,
          stateDatabase: database.stateDatabase,
          log: silent,
        });
      try {
        const [none] = (await selecting(['id'])).problems;
        expect(none).toMatchObject({ code: 'UNSTALE_TABLE_MISSING', severity: 'warning' });
        expect(none?.message).toContain(`GRANT SELECT ON \`${prefix}%\`.* TO`);
        for (const schema of schemas) {
          await database.query(`CREATE DATABASE ${schema}`);
          await database.query(`CREATE TABLE ${schema}.users (id INT PRIMARY KEY, email VARCHAR(50))`);
        }
        // The account may not see them yet.
        expect(brief((await selecting(['id'])).problems)).toEqual([
          `warning UNSTALE_TABLE_MISSING ${prefix}*.users`,
        ]);
        await database.query(none?.message.slice(none.message.indexOf('GRANT')) ?? '');
        expect((await selecting(['id'])).problems).toEqual([]);
        expect(brief((await selecting(['id', 'email', 'gone'])).problems)).toEqual([
          `warning UNSTALE_COLUMN_NULLABLE ${prefix}*.users.email`,
          `error UNSTALE_COLUMN_MISSING ${prefix}*.users.gone`,
        ]);
        await database.query(`DROP DATABASE ${schemas[0] ?? ''}`);
        expect((await selecting(['id', 'gone'])).problems).toHaveLength(20);
      } finally {
        for (const schema of schemas) await database.query(`DROP DATABASE IF EXISTS ${schema}`);
      }
    });

    it('warns of statements that the binlog lacks where hints in them are wanted', async () => {
      const report = await runPreflight({
        client: clientOf(database.account),
        interests: interestsIn([]),
        hints: true,
        serverId: 64_001,
        user: database.account.user,
        stateDatabase: database.stateDatabase,
        log: silent,
      });
      // MariaDB has them on by default.
      expect(brief(report.problems)).toEqual(
        isMysql ? ['warning UNSTALE_HINTS_OFF binlog_rows_query_log_events'] : [],
      );
    });

    it('throws only when the server cannot be asked', async () => {
      const codeOf = async (login: Login, port = server.port): Promise<string> => {
        const client = createSqlClient(
          { host: server.host, port, sslMode: 'disabled', connectTimeout: 5000, ...login },
          { name: 'preflight', queryTimeout: 10_000 },
        );
        clients.push(client);
        return runPreflight({
          client,
          interests: interestsIn([]),
          serverId: 2,
          user: 'x',
          stateDatabase: undefined,
          log: silent,
        }).then(
          () => 'a report',
          (error: unknown) => (error instanceof UnstaleError ? error.code : String(error)),
        );
      };
      expect(await codeOf({ ...database.account, password: 'wrong' })).toBe('UNSTALE_MYSQL_ACCESS_DENIED');
      expect(await codeOf(database.account, 1)).toBe('UNSTALE_MYSQL_UNREACHABLE');
    });

    it('lists the primary keys of all tables for the starter configuration', async () => {
      await create('users', 'id INT PRIMARY KEY, email VARCHAR(100)');
      await create('items', 'n INT NOT NULL, order_id INT NOT NULL, PRIMARY KEY (order_id, n)');
      await create('log', 'line TEXT');
      await create('files', 'hash BINARY(32) PRIMARY KEY');
      await database.query(`CREATE VIEW ${database.name}.v AS SELECT 1 AS id`);
      const { name: schema } = database;
      const client = clientOf(database.account);
      const expected = [
        {
          schema,
          table: 'files',
          primaryKey: ['hash'],
          usable: false,
          reason: expect.stringContaining('BINARY(32)'),
        },
        { schema, table: 'items', primaryKey: ['order_id', 'n'], usable: true },
        { schema, table: 'log', primaryKey: [], usable: false, reason: 'it has no primary key' },
        { schema, table: 'users', primaryKey: ['id'], usable: true },
      ];
      expect(await listPrimaryKeys(client)).toEqual(expected);
      expect(await listPrimaryKeys(client, [schema])).toEqual(expected);
      expect(await listPrimaryKeys(client, ['nowhere'])).toEqual([]);
    });
  },
);

/** Registers as a replica does before it asks for the binlog; mysql2 does so for its binlog stream. */
async function registerReplica(
  connection: ReturnType<typeof createConnection>,
  serverId: number,
): Promise<void> {
  if (!('_registerSlave' in connection) || typeof connection._registerSlave !== 'function') {
    throw new Error('this mysql2 cannot register a replica');
  }
  const register: (options: object, done: (error: unknown) => void) => unknown =
    connection._registerSlave.bind(connection);
  await new Promise<void>((resolve, reject) => {
    register(
      {
        serverId,
        slaveHostname: '',
        slaveUser: '',
        slavePassword: '',
        slavePort: 0,
        replicationRank: 0,
        masterId: 0,
      },
      (error) => {
        if (error instanceof Error) reject(error);
        else resolve();
      },
    );
  });
}
