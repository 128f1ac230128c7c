import type { PoolConnection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { SourceEvent } from '../../src/change/source-event.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { interestsIn } from '../support/interests.ts';
import { readSource } from '../support/source-reader.ts';
import type { SourceReader } from '../support/source-reader.ts';

describe.each(inject('servers').mysql)('keys that comments of statements name on $label', (server) => {
  let db: TestDatabase;
  let session: PoolConnection;
  let source: SourceReader;
  const statementsOfRows =
    server.flavour === 'mysql' ? 'binlog_rows_query_log_events' : 'binlog_annotate_row_events';

  const open = async (hints: boolean): Promise<void> => {
    const users = { table: { schema: db.name, table: 'users' }, columns: ['id'] };
    source = await readSource(db, interestsIn([users]), { hints });
  };
  /** What the source delivers for the statements, and the row of `users` behind them. */
  const eventsOf = async (...statements: readonly string[]): Promise<readonly SourceEvent[]> => {
    for (const sql of statements) await session.query(sql);
    await session.query('INSERT INTO users VALUES (999)');
    const isLast = (event: SourceEvent): boolean =>
      event.kind === 'slice' &&
      event.slice.changes.some((change) => change.op === 'insert' && change.after[0] === 999);
    return source.until(isLast);
  };
  const hintsOf = (events: readonly SourceEvent[]): readonly string[] =>
    events.flatMap((event) => (event.kind === 'slice' ? (event.slice.hints ?? []) : []));

  beforeEach(async () => {
    db = await createDatabase(server);
    await db.query('CREATE TABLE users (id INT PRIMARY KEY)');
    await db.query('CREATE TABLE unmapped (id INT PRIMARY KEY, n VARCHAR(100))');
    session = await db.pool.getConnection();
    await session.query(`SET SESSION ${statementsOfRows} = ON`);
  });
  afterEach(async () => {
    session.destroy();
    await source.close();
    await db.drop();
  });

  it('come with the rows of their transaction, also where these are of no mapped table', async () => {
    await open(true);
    const events = await eventsOf(
      'INSERT INTO users VALUES (1) /* unstale: a */',
      '/* unstale: b, "c, d" */ INSERT INTO unmapped VALUES (1, \'/* unstale: no */\')',
      "INSERT INTO unmapped VALUES (2, 'unstale: no')",
    );
    expect(hintsOf(events)).toEqual(['a', 'b', 'c, d']);
    const slices = events.flatMap((event) => (event.kind === 'slice' ? [event.slice] : []));
    expect(slices.map(({ changes, hints }) => [changes.length, hints])).toEqual([
      [1, ['a']],
      [0, ['b', 'c, d']],
      [1, undefined],
    ]);
    expect(slices.every(({ resumeAfter }) => resumeAfter !== undefined)).toBe(true);
  });

  it('come once for all statements of a transaction, and not at all when it is rolled back', async () => {
    await open(true);
    const events = await eventsOf(
      'BEGIN',
      "INSERT INTO unmapped VALUES (1, '') /* unstale: a */",
      "UPDATE unmapped SET n = 'x' /* unstale: a, b */",
      'COMMIT',
      'BEGIN',
      "INSERT INTO unmapped VALUES (2, '') /* unstale: undone */",
      'ROLLBACK',
    );
    expect(hintsOf(events)).toEqual(['a', 'b']);
  });

  it('come from DDL and from statements that are logged as text, with what these reach', async () => {
    await open(true);
    const events = await eventsOf(
      'ALTER TABLE unmapped ADD COLUMN m INT /* unstale: ddl */',
      'SET SESSION binlog_format = STATEMENT',
      'INSERT INTO unmapped (id) VALUES (1) /* unstale: text */',
      'SET SESSION binlog_format = ROW',
    );
    expect(hintsOf(events)).toEqual(['ddl', 'text']);
    expect(events.filter((event) => event.kind === 'scope')).toMatchObject([{ reason: 'statement' }]);
  });

  it('are kept until an XA transaction commits', async () => {
    await open(true);
    const xid = `'${db.name}'`;
    await session.query(`XA START ${xid}`);
    await session.query("INSERT INTO unmapped VALUES (1, '') /* unstale: a */");
    await session.query(`XA END ${xid}`);
    await session.query(`XA PREPARE ${xid}`);
    await db.query('INSERT INTO users VALUES (1)');
    const prepared = await source.until((event) => event.kind === 'slice');
    expect(hintsOf(prepared)).toEqual([]);
    const events = await eventsOf(`XA COMMIT ${xid}`);
    expect(hintsOf(events)).toEqual(['a']);
  });

  it('are passed over unless they are asked for', async () => {
    await open(false);
    const events = await eventsOf("INSERT INTO unmapped VALUES (1, '') /* unstale: a */");
    expect(hintsOf(events)).toEqual([]);
    expect(events.filter((event) => event.kind === 'slice')).toHaveLength(1);
  });
});
