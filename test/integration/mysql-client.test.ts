import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { installedMysqlFlavours } from '../../scripts/servers/installed.ts';
import { startMysqlServer } from '../../scripts/servers/mysql-server.ts';
import { UnstaleError } from '../../src/errors/unstale-error.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient, SqlClientOptions } from '../../src/runtime/mysql-client.ts';
import { resolveConnectionOptions } from '../../src/runtime/mysql-connection.ts';
import type { MysqlEndpoint } from '../../src/runtime/mysql-endpoint.ts';
import { mysqlErrno } from '../../src/runtime/mysql-errors.ts';
import { certificate, createCertificates } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

type Server = Awaited<ReturnType<typeof startMysqlServer>>;

const flavours = await installedMysqlFlavours();
const clients: SqlClient[] = [];

const endpointOf = (server: Server, more: Partial<MysqlEndpoint> = {}): MysqlEndpoint => ({
  host: '127.0.0.1',
  port: server.port,
  user: 'root',
  sslMode: 'disabled',
  connectTimeout: 5000,
  ...more,
});

const clientOf = (endpoint: MysqlEndpoint, more: Partial<SqlClientOptions> = {}): SqlClient => {
  const client = createSqlClient(endpoint, { name: 'test', queryTimeout: 10_000, ...more });
  clients.push(client);
  return client;
};

const failureOf = async (work: Promise<unknown>): Promise<UnstaleError> => {
  const outcome: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof UnstaleError)) throw new Error(`no UnstaleError: ${String(outcome)}`);
  return outcome;
};

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.close()));
});

it('finds a server to test with', () => {
  expect(flavours).not.toEqual([]);
});

describe.each(flavours)('the SQL client on %s', (flavour) => {
  let server: Server;
  let root: SqlClient;

  const admin = async (...statements: readonly string[]): Promise<void> => {
    for (const sql of statements) await root.query(sql);
  };
  const account = async (name: string, identified: string, ...more: readonly string[]): Promise<void> => {
    await admin(`DROP USER IF EXISTS ${name}@'%'`, `CREATE USER ${name}@'%' ${identified}`, ...more);
  };

  beforeAll(async () => {
    server = await startMysqlServer({ flavour });
  });

  beforeAll(() => {
    root = createSqlClient(endpointOf(server), { name: 'admin', queryTimeout: 10_000 });
  });

  afterAll(async () => {
    await root.close();
    await server.destroy();
  });

  it('gives exact values: text, numbers, bytes or null', async () => {
    const client = clientOf(endpointOf(server));
    const [row] = await client.query(
      `SELECT 1 AS small, 18446744073709551615 AS big, CAST('1.10' AS DECIMAL(5,2)) AS price, NULL AS nothing,
        TIMESTAMP'2024-02-29 23:59:59.123456' AS moment, x'00ff' AS bytes, JSON_EXTRACT('[9007199254740993]', '$') AS json,
        FROM_UNIXTIME(0) AS epoch, ? AS text, ? AS missing`,
      [`'"\\%_?\u{1F9CA}`, null],
    );
    expect(row).toEqual({
      small: 1,
      big: '18446744073709551615',
      price: '1.10',
      nothing: null,
      moment: '2024-02-29 23:59:59.123456',
      bytes: Buffer.from([0, 255]),
      json: '[9007199254740993]',
      epoch: '1970-01-01 00:00:00',
      text: `'"\\%_?\u{1F9CA}`,
      missing: null,
    });
    expect(await client.query('DO 1')).toEqual([]);
  });

  it('counts what a statement has written, found and unchanged rows too', async () => {
    const client = clientOf(endpointOf(server));
    await client.query('CREATE DATABASE IF NOT EXISTS counted');
    await client.query('CREATE TABLE IF NOT EXISTS counted.rows_of (id INT PRIMARY KEY, n INT)');
    const put = (n: number): Promise<number> =>
      client.write('INSERT INTO counted.rows_of VALUES (1, ?) ON DUPLICATE KEY UPDATE n = VALUES(n)', [n]);
    expect([await put(1), await put(2), await put(2)]).toEqual([1, 2, 1]);
    expect(await client.write('UPDATE counted.rows_of SET n = 2 WHERE id = 1')).toBe(1);
    expect(await client.write('UPDATE counted.rows_of SET n = 2 WHERE id = 2')).toBe(0);
  });

  it('tells at once that a session is lost, but not that it was closed', async () => {
    const lost: string[] = [];
    const client = clientOf(endpointOf(server), { onLost: () => lost.push('lost') });
    const [row] = await client.query('SELECT CONNECTION_ID() AS id');
    await admin(`KILL ${Number(row?.['id'])}`);
    await eventually('it is told', () => lost.length === 1);
    await client.query('SELECT 1');
    await client.close();
    expect(lost).toEqual(['lost']);
  });

  it('does not depend on the SQL mode, time zone or autocommit of the server', async () => {
    await admin(
      "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
      "SET GLOBAL time_zone = '+05:00'",
      'SET GLOBAL autocommit = 0',
    );
    onTestFinished(async () =>
      admin('SET GLOBAL sql_mode = DEFAULT', 'SET GLOBAL time_zone = DEFAULT', 'SET GLOBAL autocommit = 1'),
    );
    const client = clientOf(endpointOf(server));
    const [row] = await client.query(
      'SELECT ? AS text, FROM_UNIXTIME(0) AS epoch, @@SESSION.autocommit AS autocommit',
      ["' OR 1 -- \\"],
    );
    expect(row).toEqual({ text: "' OR 1 -- \\", epoch: '1970-01-01 00:00:00', autocommit: 1 });
  });

  it('keeps one session with one connection, and opens no more than maxConnections', async () => {
    const idOf = async (client: SqlClient): Promise<unknown> =>
      (await client.query('SELECT CONNECTION_ID() AS id, SLEEP(0.05) AS slept'))[0]?.['id'];
    const single = clientOf(endpointOf(server));
    const pair = clientOf(endpointOf(server), { maxConnections: 2 });
    expect(new Set(await Promise.all([idOf(single), idOf(single), idOf(single)])).size).toBe(1);
    expect(new Set(await Promise.all([1, 2, 3, 4].map(() => idOf(pair)))).size).toBe(2);
  });

  it('connects again after a restart of the server', async () => {
    const client = clientOf(endpointOf(server));
    await client.query('SELECT 1');
    await server.kill();
    expect((await failureOf(client.query('SELECT 1'))).code).toBe('UNSTALE_MYSQL_UNREACHABLE');
    await server.start();
    expect(await client.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('hides from a reader that the server closed the idle connection', async () => {
    const client = clientOf(endpointOf(server));
    const [row] = await client.query('SELECT CONNECTION_ID() AS id');
    await admin(`KILL ${String(row?.['id'])}`);
    expect(await client.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('finds a dead idle connection before it sends a write on it', async () => {
    const proxy = await startTcpProxy(server);
    onTestFinished(async () => proxy.close());
    await admin(
      'CREATE DATABASE IF NOT EXISTS probe',
      'DROP TABLE IF EXISTS probe.t',
      'CREATE TABLE probe.t (id INT)',
    );
    const endpoint = endpointOf(server, { port: proxy.port });
    const client = clientOf(endpoint, { queryTimeout: 500, pingAfterIdle: 0 });
    await client.query('SELECT 1');
    proxy.freeze();
    const write = client.query('INSERT INTO probe.t VALUES (1)');
    await eventually('a second connection', () => proxy.accepted === 2);
    proxy.thaw();
    await write;
    expect(await root.query('SELECT COUNT(*) AS n FROM probe.t')).toEqual([{ n: 1 }]);
  });

  it('repeats a read whose answer was lost, but never a write', async () => {
    const proxy = await startTcpProxy(server);
    onTestFinished(async () => proxy.close());
    await admin(
      'CREATE DATABASE IF NOT EXISTS probe',
      'DROP TABLE IF EXISTS probe.t',
      'CREATE TABLE probe.t (id INT)',
    );
    const client = clientOf(endpointOf(server, { port: proxy.port }));
    const count = async (): Promise<unknown> =>
      (await root.query('SELECT COUNT(*) AS n FROM probe.t'))[0]?.['n'];
    await client.query('SELECT 1');

    proxy.dropReplies();
    const write = failureOf(client.query('INSERT INTO probe.t VALUES (1)'));
    await eventually('the row that was written without an answer', async () => (await count()) === 1);
    proxy.cut();
    proxy.thaw();
    expect((await write).code).toBe('UNSTALE_MYSQL_UNREACHABLE');
    expect(await count()).toBe(1);

    await client.query('SELECT 1');
    proxy.dropReplies();
    const read = client.query('SELECT COUNT(*) AS n FROM probe.t');
    proxy.cut();
    proxy.thaw();
    expect(await read).toEqual([{ n: 1 }]);
  });

  it('gives up a statement at its deadline and goes on with a new connection', async () => {
    const client = clientOf(endpointOf(server), { queryTimeout: 200 });
    const [before] = await client.query('SELECT CONNECTION_ID() AS id');
    expect((await failureOf(client.query('SELECT SLEEP(20)'))).code).toBe('UNSTALE_MYSQL_UNREACHABLE');
    const [after] = await client.query('SELECT CONNECTION_ID() AS id');
    expect(after?.['id']).not.toBe(before?.['id']);
  });

  it.each(['disabled', 'preferred'] as const)(
    'gives up a login at its deadline when the server is frozen (%s)',
    async (sslMode) => {
      const client = clientOf(endpointOf(server, { sslMode, connectTimeout: 300 }));
      server.freeze();
      onTestFinished(() => server.thaw());
      const failure = await failureOf(client.query('SELECT 1'));
      server.thaw();
      expect(failure.code).toBe('UNSTALE_MYSQL_UNREACHABLE');
      expect(await client.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
  );

  it('rejects what is under way when it is closed', async () => {
    const client = clientOf(endpointOf(server));
    await client.query('SELECT 1');
    const query = failureOf(client.query('SELECT SLEEP(21)'));
    await eventually('the running statement', async () => {
      const [row] = await root.query(
        "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT SLEEP(21)'",
      );
      return row?.['n'] === 1;
    });
    await client.close();
    expect((await query).code).toBe('UNSTALE_MYSQL_UNREACHABLE');
    expect((await failureOf(client.query('SELECT 1'))).message).toContain('closed');
  });

  it('tells a refused login from an unreachable server', async () => {
    await account('locked', "IDENTIFIED BY 'open sesame' ACCOUNT LOCK");
    await account('crowded', 'WITH MAX_USER_CONNECTIONS 1');
    const code = async (more: Partial<MysqlEndpoint>): Promise<string> => {
      const failure = await failureOf(clientOf(endpointOf(server, more)).query('SELECT 1'));
      expect(failure.message).not.toContain('open sesame');
      return failure.code;
    };
    expect(await code({ password: 'open sesame' })).toBe('UNSTALE_MYSQL_ACCESS_DENIED');
    expect(await code({ user: 'locked', password: 'open sesame' })).toBe('UNSTALE_MYSQL_ACCESS_DENIED');
    expect(await code({ port: 1 })).toBe('UNSTALE_MYSQL_UNREACHABLE');
    expect(await code({ host: 'no-such-host.invalid' })).toBe('UNSTALE_MYSQL_UNREACHABLE');
    expect(await code({ socketPath: join(tmpdir(), 'no-such.sock') })).toBe('UNSTALE_MYSQL_UNREACHABLE');
    await clientOf(endpointOf(server, { user: 'crowded' })).query('SELECT 1');
    expect(await code({ user: 'crowded' })).toBe('UNSTALE_MYSQL_UNREACHABLE');
  });

  it.runIf(flavour === 'mariadb')('says that it lacks an authentication plugin', async ({ skip }) => {
    // Debian ships the plugin with the server's service, which the tests do without.
    await admin("INSTALL SONAME 'auth_ed25519'").catch((error: unknown) => {
      if (mysqlErrno(error) === 1126) skip('this MariaDB has no ed25519 plugin');
      throw error;
    });
    await account('edwards', "IDENTIFIED VIA ed25519 USING PASSWORD('x')");
    const client = clientOf(endpointOf(server, { user: 'edwards', password: 'x' }));
    const failure = await failureOf(client.query('SELECT 1'));
    expect(failure.code).toBe('UNSTALE_MYSQL_ACCESS_DENIED');
    expect(failure.message).toContain('ed25519');
  });

  it('tells a missing privilege from a wrong statement, and keeps the error number', async () => {
    await account('nobody', "IDENTIFIED BY 'x'");
    const client = clientOf(endpointOf(server, { user: 'nobody', password: 'x' }));
    const refused = await failureOf(client.query('SET SESSION sql_log_bin = 0'));
    expect([refused.code, mysqlErrno(refused)]).toEqual(['UNSTALE_PRIVILEGE_MISSING', 1227]);
    const hidden = await failureOf(client.query('SELECT 1 FROM mysql.user'));
    expect([hidden.code, mysqlErrno(hidden)]).toEqual(['UNSTALE_PRIVILEGE_MISSING', 1142]);
    const wrong = await failureOf(client.query("SELEKT 'a row value'"));
    expect([wrong.code, mysqlErrno(wrong)]).toEqual(['UNSTALE_MYSQL_QUERY_FAILED', 1064]);
    expect(wrong.cause).not.toHaveProperty('sql');
  });

  it('does not do without a session setup that the account may not run', async () => {
    await account('nobody', "IDENTIFIED BY 'x'");
    const nobody = endpointOf(server, { user: 'nobody', password: 'x' });
    const client = clientOf(nobody, { sessionSetup: ['SET SESSION sql_log_bin = 0'] });
    const refused = await failureOf(client.query('SELECT 1'));
    expect(refused.code).toBe('UNSTALE_PRIVILEGE_MISSING');
  });

  describe('with TLS', () => {
    let directory: string;
    let secure: Server;
    let sslCa: string;
    let otherCa: string;

    const cipher = async (endpoint: MysqlEndpoint): Promise<string> => {
      const [row] = await clientOf(endpoint).query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
      return String(row?.['Value']);
    };
    const useCertificate = async (names: string): Promise<void> => {
      await certificate(directory, 'server', names);
      const reload = flavour === 'mysql' ? 'ALTER INSTANCE RELOAD TLS' : 'FLUSH SSL';
      await clientOf(endpointOf(secure)).query(reload);
    };

    beforeAll(async () => {
      ({
        directory,
        ca: sslCa,
        otherCa,
      } = await createCertificates({ server: 'DNS:localhost', client: 'DNS:client' }));
      const file = (name: string): string => join(directory, name);
      secure = await startMysqlServer({
        flavour,
        args: [
          `--ssl-ca=${file('ca.pem')}`,
          `--ssl-cert=${file('server.pem')}`,
          `--ssl-key=${file('server.key')}`,
        ],
      });
    });

    afterAll(async () => {
      await secure.destroy();
    });

    it('encrypts when the mode asks for it, and when it may', async () => {
      expect(await cipher(endpointOf(secure, { sslMode: 'disabled' }))).toBe('');
      expect(await cipher(endpointOf(secure, { sslMode: 'preferred' }))).not.toBe('');
      expect(await cipher(endpointOf(secure, { sslMode: 'required' }))).not.toBe('');
      expect(await cipher(endpointOf(secure, { sslMode: 'preferred', socketPath: secure.socketPath }))).toBe(
        '',
      );
    });

    it('falls back to a plain connection only when TLS is merely preferred', async () => {
      const plain = await startMysqlServer({
        flavour,
        args: flavour === 'mysql' ? ['--tls-version='] : ['--skip-ssl'],
      });
      onTestFinished(async () => plain.destroy());
      expect(await cipher(endpointOf(plain, { sslMode: 'preferred' }))).toBe('');
      const refused = await failureOf(cipher(endpointOf(plain, { sslMode: 'required' })));
      expect(refused.code).toBe('UNSTALE_MYSQL_TLS');

      const options = await resolveConnectionOptions(endpointOf(plain, { sslMode: 'preferred' }), 5000);
      const connection = await createConnection(options);
      onTestFinished(() => connection.destroy());
      await connection.query('SELECT 1');
      expect(options.ssl).toBeUndefined();
    });

    it('checks the authority, not the name, with verify_ca', async () => {
      await useCertificate('DNS:elsewhere.example');
      expect(await cipher(endpointOf(secure, { sslMode: 'verify_ca', sslCa }))).not.toBe('');
      for (const more of [{ sslCa: otherCa }, {}]) {
        const refused = await failureOf(cipher(endpointOf(secure, { sslMode: 'verify_ca', ...more })));
        expect(refused.code).toBe('UNSTALE_MYSQL_TLS');
      }
    });

    it('checks authority and name with verify_identity, IP addresses included', async () => {
      const identity = async (host: string, ca: string): Promise<string> =>
        cipher(endpointOf(secure, { sslMode: 'verify_identity', sslCa: ca, host })).then(
          () => 'connected',
          (error: unknown) => (error instanceof UnstaleError ? error.code : String(error)),
        );
      await useCertificate('DNS:localhost');
      expect(await identity('localhost', sslCa)).toBe('connected');
      expect(await identity('localhost', otherCa)).toBe('UNSTALE_MYSQL_TLS');
      expect(await identity('127.0.0.1', sslCa)).toBe('UNSTALE_MYSQL_TLS');
      await useCertificate('IP:127.0.0.1');
      expect(await identity('127.0.0.1', sslCa)).toBe('connected');
      expect(await identity('localhost', sslCa)).toBe('UNSTALE_MYSQL_TLS');
    });

    it('hands the same checks to a library that connects by itself', async () => {
      await useCertificate('IP:127.0.0.1');
      const endpoint = endpointOf(secure, { sslMode: 'verify_identity', sslCa });
      const connection = await createConnection(await resolveConnectionOptions(endpoint, 5000));
      onTestFinished(() => connection.destroy());
      await connection.query('SELECT 1');
      await useCertificate('DNS:localhost');
      await expect(createConnection(await resolveConnectionOptions(endpoint, 5000))).rejects.toThrow(
        /altnames/,
      );
    });

    it('shows its own certificate to the server', async () => {
      await useCertificate('IP:127.0.0.1');
      const admin = clientOf(endpointOf(secure));
      await admin.query("CREATE USER IF NOT EXISTS certified@'%' REQUIRE X509");
      const own = {
        sslCert: await readFile(join(directory, 'client.pem'), 'utf8'),
        sslKey: await readFile(join(directory, 'client.key'), 'utf8'),
      };
      const endpoint = endpointOf(secure, { user: 'certified', sslMode: 'verify_ca', sslCa });
      expect(await cipher({ ...endpoint, ...own })).not.toBe('');
      expect((await failureOf(cipher(endpoint))).code).toBe('UNSTALE_MYSQL_ACCESS_DENIED');
      const broken = await failureOf(cipher({ ...endpoint, sslCert: 'no PEM', sslKey: 'no PEM' }));
      expect(broken.code).toBe('UNSTALE_MYSQL_TLS');
    });

    it('tells a network failure during the TLS handshake from a bad certificate', async () => {
      const proxy = await startTcpProxy(secure);
      onTestFinished(async () => proxy.close());
      proxy.delay(100);
      const query = failureOf(cipher(endpointOf(secure, { sslMode: 'required', port: proxy.port })));
      await eventually('the connection', () => proxy.connections === 1);
      const cutter = setInterval(() => proxy.cut(), 250);
      onTestFinished(() => clearInterval(cutter));
      expect((await query).code).toBe('UNSTALE_MYSQL_UNREACHABLE');
    });

    it('says that the server insists on TLS', async () => {
      const admin = clientOf(endpointOf(secure, { socketPath: secure.socketPath }));
      await admin.query('SET GLOBAL require_secure_transport = ON');
      onTestFinished(async () => {
        await clientOf(endpointOf(secure, { socketPath: secure.socketPath })).query(
          'SET GLOBAL require_secure_transport = OFF',
        );
      });
      // MariaDB answers with the same error as for a wrong password.
      const code = flavour === 'mysql' ? 'UNSTALE_MYSQL_TLS' : 'UNSTALE_MYSQL_ACCESS_DENIED';
      expect((await failureOf(cipher(endpointOf(secure)))).code).toBe(code);
      expect(await cipher(endpointOf(secure, { sslMode: 'required' }))).not.toBe('');
    });
  });
});
