import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';

import { installedMysqlFlavours, installedRedisImplementations } from '../../scripts/servers/installed.ts';
import { startMysqlServer } from '../../scripts/servers/mysql-server.ts';
import type { MysqlServer } from '../../scripts/servers/mysql-server.ts';
import { askRedisVersion, startRedisServer } from '../../scripts/servers/redis-server.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const { mysql, redis } = inject('servers');
// Local processes are tested wherever they are installed, even if the suite runs on other servers.
const implementations = await installedRedisImplementations();

describe.each(await installedMysqlFlavours())('a throwaway %s server', (flavour) => {
  let server: MysqlServer;

  beforeAll(async () => {
    server = await startMysqlServer({ flavour });
  });
  afterAll(async () => server?.destroy());

  const rows = async (sql: string): Promise<RowDataPacket[]> => {
    const connection = await createConnection({ uri: server.rootUrl, connectTimeout: 500 });
    try {
      const [result] = await connection.query<RowDataPacket[]>(sql);
      return result;
    } finally {
      connection.destroy();
    }
  };

  test('logs rows with full metadata and knows no anonymous account', async () => {
    const [settings] = await rows(
      'SELECT @@log_bin AS log, @@binlog_format AS format, @@binlog_row_metadata AS metadata, @@binlog_row_image AS image',
    );
    expect(settings).toMatchObject({ log: 1, format: 'ROW', metadata: 'FULL', image: 'FULL' });
    expect(await rows("SELECT host FROM mysql.user WHERE user = ''")).toEqual([]);
  });

  test('keeps its data over a clean stop and over SIGKILL', async () => {
    await rows('CREATE DATABASE IF NOT EXISTS kept');
    await rows('CREATE TABLE kept.t (id INT PRIMARY KEY)');
    await rows('INSERT INTO kept.t VALUES (1)');
    await server.stop();
    await expect(rows('SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    await server.start();
    await rows('INSERT INTO kept.t VALUES (2)');
    await server.kill();
    await server.start(['--max-connections=77']);
    expect(await rows('SELECT id, @@max_connections AS m FROM kept.t ORDER BY id')).toEqual([
      { id: 1, m: 77 },
      { id: 2, m: 77 },
    ]);
  });

  test('answers nothing while frozen, and answers again when thawed', async () => {
    server.freeze();
    await expect(rows('SELECT 1')).rejects.toThrow(/ETIMEDOUT/);
    server.thaw();
    expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('reports its log when it does not start', async () => {
    await expect(startMysqlServer({ flavour, args: ['--no-such-option'] })).rejects.toThrow(/no-such-option/);
  });
});

describe.each(implementations)('a throwaway %s server', (implementation) => {
  test('stops, starts, dies and freezes on one port', async () => {
    const server = await startRedisServer({ implementation });
    try {
      expect(server.version).toMatch(/^\d+\.\d+/);
      await server.stop();
      await expect(askRedisVersion(server.port)).rejects.toThrow(/ECONNREFUSED/);
      await server.start();
      await server.kill();
      await server.start();
      server.freeze();
      await expect(askRedisVersion(server.port, { timeoutMs: 300 })).rejects.toThrow(/no reply/);
      server.thaw();
      expect(await askRedisVersion(server.port)).toBe(server.version);
    } finally {
      await server.destroy();
    }
  });
});

test.runIf(implementations.includes('redis'))(
  'a server dies with a process that is killed, and the next process removes its data',
  async () => {
    const directory = fileURLToPath(new URL('../../scripts/servers/', import.meta.url));
    const script = `
    import { startRedisServer } from ${JSON.stringify(`${directory}redis-server.ts`)};
    import { temporaryDirectory } from ${JSON.stringify(`${directory}run-directory.ts`)};
    const server = await startRedisServer();
    console.log(JSON.stringify({ port: server.port, path: await temporaryDirectory('x') }));
    setInterval(() => {}, 1000);
  `;
    const run = async (): Promise<{ port: number; path: string; end: () => Promise<void> }> => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(createInterface({ input: child.stdout }), 'line');
      const end = async (): Promise<void> => {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      };
      return { ...JSON.parse(String(line)), end };
    };
    const first = await run();
    expect(await askRedisVersion(first.port)).not.toBe('');
    await first.end();
    await eventually('the orphan is gone', async () =>
      askRedisVersion(first.port).then(
        () => false,
        () => true,
      ),
    );
    expect(existsSync(first.path)).toBe(true);
    const second = await run();
    await second.end();
    expect(existsSync(first.path)).toBe(false);
  },
);

describe.each(mysql)("the daemon's account on $label", (server) => {
  test('follows the binlog and reads its schema, and may do nothing else', async () => {
    const database = await createDatabase(server, { password: "it's %40 / secret" });
    try {
      await database.query('CREATE TABLE t (id INT PRIMARY KEY)');
      expect(await database.query('INSERT INTO t VALUES (?)', [7])).toEqual([]);
      expect(await database.query('SELECT id FROM t')).toEqual([{ id: 7 }]);
      const connection = await createConnection(database.url);
      try {
        await connection.query(`SELECT * FROM ${database.name}.t`);
        await connection.query(`CREATE DATABASE ${database.stateDatabase}`);
        await connection.query(server.flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW BINLOG STATUS');
        await expect(connection.query(`DELETE FROM ${database.name}.t`)).rejects.toThrow(/denied/);
        await expect(connection.query('SELECT * FROM mysql.user')).rejects.toThrow(/denied/);
      } finally {
        connection.destroy();
      }
    } finally {
      await database.drop();
    }
  });
});

describe('the TCP proxy', () => {
  let proxy: TcpProxy;
  let socket: Socket;
  let received = '';
  let closed: Promise<unknown>;

  const open = async (): Promise<void> => {
    proxy = await startTcpProxy({ host: redis.host, port: redis.port });
    socket = connect(proxy.port, proxy.host);
    received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('error', () => undefined);
    closed = new Promise((resolve) => socket.once('close', resolve));
    await once(socket, 'connect');
  };
  afterEach(async () => {
    socket.destroy();
    await proxy.close();
  });
  const pong = async (): Promise<string> =>
    eventually(
      'a reply',
      () => received,
      (text) => text === '+PONG\r\n',
    );

  test('holds everything back while frozen and delivers it in order when thawed', async () => {
    await open();
    socket.write('PING\r\n');
    await pong();
    proxy.freeze();
    socket.write('ECHO a\r\n');
    socket.write('ECHO b\r\n');
    const other = connect(proxy.port, proxy.host);
    await once(other, 'connect');
    await eventually('both are open', () => proxy.connections === 2);
    expect(received).toBe('+PONG\r\n');
    proxy.thaw();
    await eventually('both replies', () => received.endsWith('$1\r\na\r\n$1\r\nb\r\n'));
    other.destroy();
    await eventually('one is open', () => proxy.connections === 1);
    expect(proxy.accepted).toBe(2);
  });

  test('resets connections when cut, and takes new ones', async () => {
    await open();
    const failed = once(socket, 'error');
    proxy.cut();
    expect(String((await failed)[0])).toContain('ECONNRESET');
    await closed;
    expect(proxy.connections).toBe(0);
    socket = connect(proxy.port, proxy.host);
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.write('PING\r\n');
    await pong();
  });

  test('executes commands whose replies it drops', async () => {
    await open();
    const key = `proxy:${proxy.port}`;
    proxy.dropReplies();
    socket.write(`SET ${key} 1 EX 60\r\n`);
    const direct = connect(redis.port, redis.host);
    let seen = '';
    direct.on('data', (chunk) => (seen += chunk.toString()));
    await eventually('the key is set', () => {
      direct.write(`GET ${key}\r\n`);
      return seen.includes('$1\r\n1');
    });
    direct.destroy();
    expect(received).toBe('');
  });

  test('is overtaken by a direct connection while it delays', async () => {
    await open();
    proxy.delay(200);
    socket.write('PING\r\n');
    expect(await askRedisVersion(redis.port, { host: redis.host })).not.toBe('');
    expect(received).toBe('');
    await pong();
  });
});
