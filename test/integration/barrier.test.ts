import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { VisibilityBarrier } from '../../src/binlog/barrier/visibility-barrier.ts';
import { formatGtid } from '../../src/binlog/gtid-set.ts';
import type { CommitMark, Gtid } from '../../src/change/source-event.ts';
import type { SqlClient } from '../../src/pipeline/ports.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const TIMEOUT = 300;
const never = new AbortController().signal;

describe.each(inject('servers').mysql)('the visibility barrier on $label', (server) => {
  let db: TestDatabase;
  let proxy: TcpProxy;
  let client: SqlClient;
  let barrier: VisibilityBarrier;
  let statements: string[];
  let logged: string[];
  let unknown: number;

  beforeEach(async () => {
    db = await createDatabase(server);
    proxy = await startTcpProxy({ port: server.port });
    const url = new URL(db.url);
    const inner = createSqlClient(
      {
        host: url.hostname,
        port: proxy.port,
        ...db.account,
        sslMode: 'disabled',
        connectTimeout: TIMEOUT,
      },
      { name: 'barrier', queryTimeout: TIMEOUT + 200, maxConnections: 3 },
    );
    statements = [];
    logged = [];
    unknown = 0;
    client = {
      query: (sql, params) => {
        statements.push(sql);
        return inner.query(sql, params);
      },
      close: () => inner.close(),
    };
    barrier = new VisibilityBarrier({
      servers: [{ name: 'the server', client, isSource: () => true }],
      timeout: TIMEOUT,
      sleep,
      log: {
        debug() {},
        info: (_, message) => logged.push(message),
        warn: (fields) => logged.push(String(Reflect.get(fields, 'code'))),
        error() {},
      },
      onWaited() {},
      onUnknown: () => {
        unknown += 1;
      },
    });
    await db.query('CREATE TABLE t (id INT PRIMARY KEY)');
  });

  afterEach(async () => {
    await client.close();
    await proxy.close();
    await db.drop();
  });

  /** Commits a transaction; its mark, as the binlog would give it. */
  const commit = async (id: number): Promise<CommitMark> => {
    const connection = await createConnection({ uri: server.rootUrl, database: db.name });
    try {
      if (server.flavour === 'mysql')
        await connection.query(`SET gtid_next = '${formatGtid(gtid(id), 'mysql')}'`);
      const status = server.flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
      const [rows] = await connection.query<RowDataPacket[]>(status).catch(() => [[]]);
      await connection.query('INSERT INTO t VALUES (?)', [id]);
      return {
        gtid: server.flavour === 'mysql' ? gtid(id) : undefined,
        epoch: 0,
        file: String(rows[0]?.['File']),
        offset: Number(rows[0]?.['Position']),
      };
    } finally {
      await connection.end();
    }
  };
  const gtid = (id: number): Gtid => ({
    source: `11111111-2222-3333-4444-${db.name.slice(1).padStart(12, '0')}`,
    sequence: id,
  });
  /** A transaction that has not come. */
  const future = ({ file }: CommitMark): CommitMark => ({
    gtid: server.flavour === 'mysql' ? gtid(999) : undefined,
    epoch: 0,
    file,
    offset: 2 ** 40,
  });

  it('passes what is committed, and later the same without asking', async () => {
    const marks = [await commit(1), await commit(2)];
    expect(await barrier.pass(marks, never)).toBe('visible');
    const asked = statements.length;
    expect(await barrier.pass(marks, never)).toBe('visible');
    expect(statements).toHaveLength(asked);
    expect(await barrier.pass([], never)).toBe('visible');
  });

  it('asks once for many transactions', async () => {
    const first = await commit(1);
    await barrier.pass([first], never);
    const marks: CommitMark[] = [];
    for (let id = 2; id < 20; id += 1) marks.push(await commit(id));
    const asked = statements.length;
    expect(await barrier.pass(marks, never)).toBe('visible');
    expect(statements.length - asked).toBe(1);
  });

  it('does not pass a transaction that cannot be seen, and says so once', async () => {
    const mark = await commit(1);
    expect(await barrier.pass([mark, future(mark)], never)).toBe('unknown');
    expect(await barrier.pass([mark, future(mark)], never)).toBe('unknown');
    expect(unknown).toBe(2);
    expect(logged).toEqual(['UNSTALE_BARRIER_TIMEOUT']);
    expect(await barrier.pass([mark], never)).toBe('visible');
  });

  it('ends its wait at once when it is aborted', async () => {
    const mark = await commit(1);
    await barrier.pass([mark], never);
    const stop = new AbortController();
    const waiting = barrier.pass([future(mark)], stop.signal);
    stop.abort();
    expect(await waiting).toBe('unknown');
    expect(unknown).toBe(0);
  });

  it('does not throw when the server does not answer, and passes again when it does', async () => {
    const mark = await commit(1);
    expect(await barrier.pass([mark], never)).toBe('visible');
    proxy.freeze();
    const newer = await commit(2);
    expect(await barrier.pass([newer], never)).toBe('unknown');
    expect(logged).toEqual(['UNSTALE_BARRIER_FAILED']);
    proxy.cut();
    proxy.thaw();
    expect(await barrier.pass([newer], never)).toBe('visible');
    expect(logged.at(-1)).toMatch(/passes again/);
  });

  if (server.flavour === 'mysql') {
    it('cannot know anything of a transaction without GTID', async () => {
      const mark = await commit(1);
      expect(await barrier.pass([{ ...mark, gtid: undefined }], never)).toBe('unknowable');
      expect(logged).toEqual(['UNSTALE_BARRIER_UNAVAILABLE']);
    });
  }
});
