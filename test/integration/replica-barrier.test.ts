import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../scripts/servers/free-port.ts';
import { VisibilityBarrier } from '../../src/binlog/barrier/visibility-barrier.ts';
import { checkBarrierServer } from '../../src/binlog/preflight/barrier-server.ts';
import { readServerFacts } from '../../src/binlog/server-facts.ts';
import type { CommitMark, Gtid } from '../../src/change/source-event.ts';
import type { SqlClient } from '../../src/pipeline/ports.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import { eventually } from '../support/eventually.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { REPLICA_ARGS, replicate } from '../support/replication.ts';

const COMMITS = 500;
const never = new AbortController().signal;
const shared = inject('servers').mysql;
const flavours = [...new Set(shared.map(({ flavour }) => flavour))];

describe.each(flavours)('the barrier on a replica of %s', (flavour) => {
  let primary: TestMysqlServer;
  let replica: TestMysqlServer;
  let writer: Connection;
  let reader: Connection;
  let statements: string[];
  const clients: SqlClient[] = [];

  beforeAll(async () => {
    [primary, replica] = await Promise.all([
      startMysqlServer({ flavour }),
      startMysqlServer({ flavour, args: REPLICA_ARGS[flavour] }),
    ]);
    [writer, reader] = await Promise.all([
      createConnection({ uri: primary.rootUrl }),
      createConnection({ uri: replica.rootUrl }),
    ]);
    await writer.query("CREATE USER copy@'%' IDENTIFIED BY 'copy'");
    await writer.query("GRANT REPLICATION SLAVE ON *.* TO copy@'%'");
    await writer.query("CREATE USER login@'%' IDENTIFIED BY 'login'");
    await writer.query('CREATE DATABASE shop');
    await writer.query('CREATE TABLE shop.t (id INT PRIMARY KEY)');
    if (flavour === 'mysql') await reader.query('RESET BINARY LOGS AND GTIDS');
    for (const statement of replicate(primary)) await reader.query(statement);
    await eventually('the replica has the account', () => clientOf(replica).query('SELECT 1'));
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all([writer.end(), reader.end()]);
    await Promise.all([primary.destroy(), replica.destroy()]);
  });

  /** An account without any privilege. */
  function clientOf({ port }: { readonly port: number }, password = 'login'): SqlClient {
    const client = createSqlClient(
      { host: '127.0.0.1', port, user: 'login', password, sslMode: 'preferred', connectTimeout: 2000 },
      { name: 'barrier', queryTimeout: 30_000, maxConnections: 2 },
    );
    clients.push(client);
    return client;
  }

  function barrierOn(timeout: number): VisibilityBarrier {
    const client = clientOf(replica);
    statements = [];
    return new VisibilityBarrier({
      servers: [
        {
          name: 'replica',
          client: {
            query: (sql, params) => {
              statements.push(sql);
              return client.query(sql, params);
            },
            close: () => client.close(),
          },
          isSource: () => false,
        },
      ],
      timeout,
      sleep,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      onWaited() {},
      onUnknown() {},
    });
  }

  /** Commits a row; its mark, as the binlog would give it. */
  async function commit(on: Connection, id: number, domain = 0): Promise<CommitMark> {
    if (flavour === 'mariadb') await on.query('SET gtid_domain_id = ?', [domain]);
    await on.query('INSERT INTO shop.t VALUES (?)', [id]);
    const [rows] = await on.query<RowDataPacket[]>(
      flavour === 'mysql' ? 'SELECT @@GLOBAL.gtid_executed AS gtid' : 'SELECT @@last_gtid AS gtid',
    );
    return { gtid: newest(String(rows[0]?.['gtid'])), epoch: 0, file: 'binlog.000001', offset: 4 };
  }

  function newest(text: string): Gtid {
    const [, source = '', sequence] = /([\da-f-]+)[:-](?:\d+-)?(\d+)$/.exec(text) ?? [];
    if (flavour === 'mysql') return { source: text.split(':')[0] ?? '', sequence: Number(sequence) };
    return { source, sequence: Number(sequence) };
  }

  it(`shows the row to others whenever it passes, ${COMMITS} times, with a login alone`, async () => {
    const barrier = barrierOn(30_000);
    for (let id = 1; id <= COMMITS; id += 1) {
      const mark = await commit(writer, id, id % 2);
      expect(await barrier.pass([mark], never)).toBe('visible');
      const [rows] = await reader.query<RowDataPacket[]>('SELECT id FROM shop.t WHERE id = ?', [id]);
      expect(rows).toHaveLength(1);
    }
  });

  it('asks once for transactions of several domains, and not at all for what is known to be applied', async () => {
    const barrier = barrierOn(30_000);
    const marks = [
      await commit(writer, 1001, 0),
      await commit(writer, 1002, 1),
      await commit(writer, 1003, 1),
    ];
    expect(await barrier.pass(marks, never)).toBe('visible');
    const waits = statements.filter((sql) => sql.includes('WAIT'));
    expect(waits).toHaveLength(1);
    expect(await barrier.pass(marks.toReversed(), never)).toBe('visible');
    expect(statements.filter((sql) => sql.includes('WAIT')).length).toBeLessThanOrEqual(1);
  });

  it('does not pass while the replica does not apply', async () => {
    await reader.query(flavour === 'mysql' ? 'STOP REPLICA SQL_THREAD' : 'STOP SLAVE SQL_THREAD');
    const barrier = barrierOn(100);
    const mark = await commit(writer, 1004);
    expect(await barrier.pass([mark], never)).toBe('unknown');
    expect(barrier.answers).toEqual([{ server: 'replica', answer: 'unknown' }]);
    await reader.query(flavour === 'mysql' ? 'START REPLICA SQL_THREAD' : 'START SLAVE SQL_THREAD');
    await eventually(
      'it passes',
      () => barrier.pass([mark], never),
      (answer) => answer === 'visible',
    );
  });

  if (flavour === 'mariadb') {
    it('cannot know of what began on the server itself, which is not replicated to it', async () => {
      const mark = await commit(reader, 2001, 7);
      expect(await barrierOn(100).pass([mark], never)).toBe('unknowable');
    });
  }

  it('the check finds no fault with it, and names what it cannot ask', async () => {
    const source = await readServerFacts(clientOf(primary));
    const check = (name: string, client: SqlClient) => checkBarrierServer({ name, client }, source);
    expect(await check('replica', clientOf(replica))).toEqual([]);
    expect(await check('primary', clientOf(primary))).toEqual([]);
    expect(await check('nobody:1', clientOf({ port: await freePort() }))).toEqual([
      expect.objectContaining({ code: 'UNSTALE_BARRIER_FAILED', subject: 'source.barrier nobody:1' }),
    ]);
    expect(await check('locked', clientOf(replica, 'wrong'))).toEqual([
      expect.objectContaining({ code: 'UNSTALE_MYSQL_ACCESS_DENIED', severity: 'error' }),
    ]);
    const other = { ...source, flavour: flavour === 'mysql' ? 'mariadb' : 'mysql' } as const;
    expect(await checkBarrierServer({ name: 'other', client: clientOf(replica) }, other)).toEqual([
      expect.objectContaining({ code: 'UNSTALE_PRECONDITION', severity: 'error' }),
    ]);
  });
});
