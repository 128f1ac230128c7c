import { beforeEach, describe, expect, it } from 'vitest';
import type { RowChange } from '../change/row-change.ts';
import type { SourceEvent } from '../change/source-event.ts';
import { interestsIn } from '../../test/support/interests.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { TransactionAssembler } from './transaction-assembler.ts';

const users = { schema: 'shop', table: 'users' };
const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const row = (id: number): RowChange => ({ op: 'insert', table: users, after: [id] });

type Body = BinlogEvent extends infer E
  ? E extends BinlogEvent
    ? Omit<E, 'timestamp' | 'nextOffset'>
    : never
  : never;
const at = (nextOffset: number, body: Body, timestamp = 5): BinlogEvent => ({
  ...body,
  nextOffset,
  timestamp,
});
const gtid = (n: number, opens: 'by-statement' | 'transaction' | 'standalone' = 'by-statement'): Body => ({
  kind: 'gtid',
  gtid: { source: opens === 'by-statement' ? A : '0-1', sequence: n },
  opens,
  committedAt: 1234.5,
  prepares: undefined,
});
const statement = (text: string): Body => ({ kind: 'statement', schema: 'shop', text });
const rows = (ids: number[], bytes = 10): Body => ({ kind: 'rows', changes: ids.map(row), bytes });

let emitted: SourceEvent[];
let unread: number;
function assembler(flavour: 'mysql' | 'mariadb' = 'mysql', offset = 100): TransactionAssembler {
  return new TransactionAssembler({
    flavour,
    start: {
      serverUuid: 'u',
      epoch: 0,
      file: 'binlog.000001',
      offset,
      fileCreatedAt: 7,
      gtidSet: flavour === 'mysql' ? `${A}:1-9` : '0-1-9',
    },
    interests: interestsIn([{ table: users, columns: ['id'] }]),
    sliceBytes: 100,
    onUnreadHint: () => {
      unread += 1;
    },
    emit: (event) => emitted.push(event),
  });
}
function feed(target: TransactionAssembler, ...events: BinlogEvent[]): void {
  for (const event of events) target.accept(event);
}

beforeEach(() => {
  emitted = [];
  unread = 0;
});

describe('the transaction assembler', () => {
  it('hands on a MySQL transaction when it commits, with the position behind it', () => {
    feed(assembler(), at(150, gtid(10)), at(200, statement('BEGIN')), at(250, rows([1])), at(300, rows([2])));
    expect(emitted).toEqual([]);
    const complete = assembler();
    feed(
      complete,
      at(150, gtid(10)),
      at(200, statement('BEGIN')),
      at(250, rows([1, 2])),
      at(300, { kind: 'commit' }),
    );
    expect(emitted).toEqual([
      {
        kind: 'slice',
        slice: {
          mark: { gtid: { source: A, sequence: 10 }, epoch: 0, file: 'binlog.000001', offset: 150 },
          sliceNo: 0,
          changes: [row(1), row(2)],
          bytes: 10,
          committedAt: 1234.5,
          resumeAfter: {
            serverUuid: 'u',
            epoch: 0,
            file: 'binlog.000001',
            offset: 300,
            fileCreatedAt: 7,
            gtidSet: `${A}:1-10`,
          },
        },
      },
    ]);
  });

  it('cuts a large transaction into slices of which only the last carries a position', () => {
    feed(
      assembler(),
      at(150, gtid(10)),
      at(200, statement('BEGIN')),
      at(300, rows([1], 100)),
      at(400, rows([2], 100)),
      at(500, { kind: 'commit' }),
    );
    const slices = emitted.map((event) => (event.kind === 'slice' ? event.slice : undefined));
    expect(slices.map((slice) => slice?.sliceNo)).toEqual([0, 1, 2]);
    expect(slices.map((slice) => slice?.resumeAfter?.offset)).toEqual([undefined, undefined, 500]);
  });

  it('moves the position over transactions without mapped rows', () => {
    feed(assembler(), at(150, gtid(10)), at(200, statement('BEGIN')), at(300, { kind: 'commit' }));
    expect(emitted).toMatchObject([{ kind: 'idle', position: { offset: 300, gtidSet: `${A}:1-10` } }]);
  });

  it('says nothing of a transaction that only stores its own position, and counts it with the next one', () => {
    const target = assembler();
    feed(
      target,
      at(150, gtid(10)),
      at(200, statement('BEGIN')),
      at(250, { kind: 'own-rows' }),
      at(300, { kind: 'commit' }),
    );
    expect(emitted).toEqual([]);
    feed(target, at(350, gtid(11)), at(400, statement('BEGIN')), at(450, { kind: 'commit' }));
    expect(emitted).toMatchObject([{ kind: 'idle', position: { offset: 450, gtidSet: `${A}:1-11` } }]);
  });

  it('ends the transaction of an engine without transactions at its COMMIT statement', () => {
    feed(
      assembler(),
      at(150, gtid(10)),
      at(200, statement('BEGIN')),
      at(250, rows([1])),
      at(300, statement('COMMIT')),
    );
    expect(emitted).toMatchObject([{ kind: 'slice', slice: { resumeAfter: { offset: 300 } } }]);
  });

  it('does not take a savepoint for a commit', () => {
    feed(
      assembler(),
      at(150, gtid(10)),
      at(200, statement('BEGIN')),
      at(250, rows([1])),
      at(300, statement('SAVEPOINT `a`')),
    );
    expect(emitted).toEqual([]);
  });

  it('widens DDL on a mapped table to its scope, then moves the position behind it', () => {
    feed(assembler(), at(150, gtid(10)), at(300, statement('TRUNCATE TABLE users')));
    expect(emitted).toMatchObject([
      { kind: 'scope', tables: [users], reason: 'truncate' },
      { kind: 'idle', position: { offset: 300 } },
    ]);
  });

  it('does not move the position into CREATE TABLE .. SELECT, whose rows follow its statement', () => {
    const target = assembler();
    feed(
      target,
      at(150, gtid(10)),
      at(200, statement('CREATE TABLE `users` (`id` int) START TRANSACTION')),
      at(250, rows([1])),
    );
    expect(emitted).toEqual([]);
    feed(target, at(300, { kind: 'commit' }));
    expect(emitted.at(-1)).toMatchObject({ kind: 'slice', slice: { resumeAfter: { offset: 300 } } });
  });

  it('follows MariaDB: rows without BEGIN, no offsets inside, DDL as a group of its own', () => {
    const target = assembler('mariadb');
    feed(target, at(0, gtid(10, 'transaction')), at(0, rows([1])), at(300, { kind: 'commit' }));
    expect(emitted).toMatchObject([
      { kind: 'slice', slice: { resumeAfter: { offset: 300, gtidSet: '0-1-10' } } },
    ]);
    feed(target, at(350, gtid(11, 'standalone')), at(400, statement('CREATE TABLE x (id INT)')));
    expect(emitted.at(-1)).toMatchObject({ kind: 'idle', position: { offset: 400, gtidSet: '0-1-11' } });
  });

  it('follows a rotation into a new file and its creation time', () => {
    const target = assembler();
    feed(
      target,
      at(900, { kind: 'rotate', file: 'binlog.000002', offset: 4 }),
      at(0, { kind: 'rotate', file: 'binlog.000002', offset: 4 }, 0),
      at(126, { kind: 'format' }, 9),
    );
    expect(emitted).toMatchObject([
      { kind: 'idle', position: { file: 'binlog.000002', offset: 126, fileCreatedAt: 9 } },
    ]);
  });

  it('does not report a position of its own when a connection begins', () => {
    feed(
      assembler(),
      at(0, { kind: 'rotate', file: 'binlog.000001', offset: 100 }, 0),
      at(0, { kind: 'format' }, 7),
    );
    expect(emitted).toEqual([]);
  });

  it('unwraps the 32-bit offsets of a file over 4 GiB', () => {
    const target = assembler('mysql', 2 ** 32 - 10);
    feed(target, at(5, gtid(10)), at(40, statement('BEGIN')), at(90, { kind: 'commit' }));
    expect(emitted).toMatchObject([{ kind: 'idle', position: { offset: 2 ** 32 + 90 } }]);
  });

  it('moves the position by a heartbeat, but not inside a transaction and never back', () => {
    const target = assembler();
    feed(target, at(0, { kind: 'heartbeat', file: 'binlog.000001', offset: 100 }));
    feed(target, at(0, { kind: 'heartbeat', file: 'binlog.000001', offset: 90 }));
    expect(emitted).toEqual([]);
    feed(target, at(0, { kind: 'heartbeat', file: 'binlog.000001', offset: 500 }));
    expect(emitted).toMatchObject([{ kind: 'idle', position: { offset: 500 } }]);
    feed(
      target,
      at(550, gtid(10)),
      at(600, statement('BEGIN')),
      at(0, { kind: 'heartbeat', file: 'binlog.000001', offset: 700 }),
    );
    expect(emitted).toHaveLength(1);
  });

  const XID = '01,,1';
  const prepare = (end: number, xid = XID): BinlogEvent =>
    at(end, { kind: 'xa-prepare', onePhase: false, xid });
  const xaStart = [at(150, gtid(10)), at(200, statement("XA START X'01',X'',1")), at(250, rows([1]))];

  it('keeps the rows of an XA transaction, and the position before it, until it commits', () => {
    const target = assembler();
    feed(target, ...xaStart, prepare(400));
    feed(
      target,
      at(450, gtid(11)),
      at(470, { kind: 'begin' }),
      at(480, rows([2])),
      at(500, { kind: 'commit' }),
    );
    expect(emitted).toMatchObject([
      { kind: 'idle', position: { offset: 100, gtidSet: `${A}:1-9` } },
      { kind: 'slice', slice: { changes: [row(2)], resumeAfter: { offset: 100, gtidSet: `${A}:1-9` } } },
    ]);
    feed(target, at(550, gtid(12)), at(600, statement("XA COMMIT X'01',X'',1")));
    expect(emitted.at(-1)).toMatchObject({
      kind: 'slice',
      slice: {
        mark: { gtid: { source: A, sequence: 12 } },
        changes: [row(1)],
        resumeAfter: { offset: 600, gtidSet: `${A}:1-12` },
      },
    });
  });

  it('forgets the rows of an XA transaction that is rolled back', () => {
    feed(
      assembler(),
      ...xaStart,
      prepare(400),
      at(450, gtid(11)),
      at(500, statement("XA ROLLBACK X'01',X'',1")),
    );
    expect(emitted.at(-1)).toMatchObject({ kind: 'idle', position: { offset: 500, gtidSet: `${A}:1-11` } });
    expect(emitted.some((event) => event.kind !== 'idle')).toBe(false);
  });

  it('treats an XA transaction of one phase like any other', () => {
    feed(assembler(), ...xaStart, at(400, { kind: 'xa-prepare', onePhase: true, xid: XID }));
    expect(emitted).toMatchObject([
      { kind: 'slice', slice: { changes: [row(1)], resumeAfter: { offset: 400 } } },
    ]);
  });

  it('recognises the XA transaction of MariaDB by its GTID event', () => {
    const target = assembler('mariadb');
    feed(
      target,
      at(150, { ...gtid(10, 'transaction'), prepares: XID } as Body),
      at(0, rows([1])),
      prepare(400),
    );
    expect(emitted).toMatchObject([{ kind: 'idle', position: { offset: 100 } }]);
    feed(target, at(450, gtid(11, 'standalone')), at(500, statement("XA COMMIT X'01',X'',1")));
    expect(emitted.at(-1)).toMatchObject({ slice: { changes: [row(1)], resumeAfter: { offset: 500 } } });
  });

  it('widens to every mapped table when an XA transaction commits whose rows were not read', () => {
    feed(assembler(), at(150, gtid(10)), at(200, statement("XA COMMIT X'02',X'',1")));
    expect(emitted).toMatchObject([
      { kind: 'scope', tables: [{}], reason: 'unreadable' },
      { kind: 'idle', position: { offset: 200 } },
    ]);
  });

  it('keeps no more of an XA transaction than its table when it is large', () => {
    const target = assembler();
    feed(target, ...xaStart, at(300, rows([2], 3 * 1024 * 1024)), prepare(400));
    feed(target, at(450, gtid(11)), at(500, statement("XA COMMIT X'01',X'',1")));
    expect(emitted.slice(1)).toMatchObject([
      { kind: 'scope', tables: [users], mark: { gtid: { source: A, sequence: 11 } } },
      { kind: 'idle', position: { offset: 500 } },
    ]);
  });

  it('widens to every mapped table when the server says that events were lost', () => {
    feed(assembler(), at(0, { kind: 'blind' }));
    expect(emitted).toMatchObject([{ kind: 'scope', tables: [{}], reason: 'gap' }]);
  });

  it('takes the GTID set of the file when it begins without one', () => {
    const target = new TransactionAssembler({
      flavour: 'mysql',
      start: { serverUuid: 'u', epoch: 0, file: 'binlog.000001', offset: 4, fileCreatedAt: 0 },
      interests: interestsIn([{ table: users, columns: ['id'] }]),
      sliceBytes: 100,
      onUnreadHint: () => undefined,
      emit: (event) => emitted.push(event),
    });
    feed(
      target,
      at(197, { kind: 'previous-gtids', gtidSet: `${A}:1-3` }),
      at(250, gtid(4)),
      at(300, statement('BEGIN')),
      at(350, { kind: 'commit' }),
    );
    expect(emitted).toMatchObject([{ kind: 'idle', position: { gtidSet: `${A}:1-4` } }]);
  });

  const hints = (...keys: string[]): Body => ({ kind: 'hints', hints: keys });

  it('hands on the keys that comments name with the rows of their transaction, each once', () => {
    feed(
      assembler(),
      at(150, gtid(10)),
      at(200, { kind: 'begin' }),
      at(220, hints('a', 'b')),
      at(250, rows([1])),
      at(270, hints('b')),
      at(300, { kind: 'commit' }),
      at(350, gtid(11)),
      at(370, { kind: 'begin' }),
      at(380, rows([2])),
      at(400, { kind: 'commit' }),
    );
    const slices = emitted.flatMap((event) => (event.kind === 'slice' ? [event.slice] : []));
    expect(slices).toMatchObject([
      { changes: [row(1)], hints: ['a', 'b'], bytes: 12, resumeAfter: { offset: 300 } },
      { changes: [row(2)], bytes: 10 },
    ]);
    expect(slices[1]).not.toHaveProperty('hints');
  });

  it('hands on a slice for comments alone, of a transaction without mapped rows and of a statement', () => {
    feed(
      assembler(),
      at(150, gtid(10)),
      at(200, { kind: 'begin' }),
      at(220, hints('a')),
      at(300, { kind: 'commit' }),
      at(350, gtid(11)),
      at(400, { ...statement('CREATE TABLE x (id INT)'), hints: ['b'] } as Body),
    );
    expect(emitted).toMatchObject([
      {
        kind: 'slice',
        slice: { changes: [], hints: ['a'], mark: { offset: 150 }, resumeAfter: { offset: 300 } },
      },
      {
        kind: 'slice',
        slice: { changes: [], hints: ['b'], mark: { offset: 350 }, resumeAfter: { offset: 400 } },
      },
    ]);
  });

  it('loses no key of a comment however many there are', () => {
    const keys = Array.from({ length: 2500 }, (_, index) => `${index}`);
    const target = assembler();
    feed(target, at(150, gtid(10)), at(200, { kind: 'begin' }));
    for (const key of keys) feed(target, at(220, hints(key)));
    feed(target, at(300, { kind: 'commit' }));
    const slices = emitted.flatMap((event) => (event.kind === 'slice' ? [event.slice] : []));
    expect(slices.flatMap((slice) => slice.hints ?? [])).toEqual(keys);
    expect(slices.map((slice) => slice.hints?.length ?? 0).every((count) => count <= 1000)).toBe(true);
    expect(unread).toBe(0);
  });

  it('keeps the keys that comments of an XA transaction name until it commits', () => {
    const target = assembler();
    feed(target, at(150, gtid(10)), at(200, statement("XA START X'01',X'',1")), at(210, hints('a')));
    feed(target, at(250, rows([1], 3 * 1024 * 1024)), prepare(400));
    feed(target, at(450, gtid(11)), at(500, statement("XA COMMIT X'01',X'',1")));
    expect(emitted.slice(1)).toMatchObject([
      { kind: 'slice', slice: { changes: [], hints: ['a'] } },
      { kind: 'scope', tables: [users] },
      { kind: 'slice', slice: { changes: [], resumeAfter: { offset: 500 } } },
    ]);
    feed(target, at(550, gtid(12)), at(600, statement("XA START X'01',X'',1")));
    feed(target, at(610, hints('k'.repeat(3 * 1024 * 1024))), prepare(700));
    expect(unread).toBe(1);
  });
});
