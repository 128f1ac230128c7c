import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interestsIn } from '../../../test/support/interests.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import { EventDecoder } from './event-decoder.ts';
import { HintReader } from './hint-reader.ts';

const users = { schema: 'shop', table: 'users' };
const CHARSETS = new Map([
  [255, 'utf8mb4'],
  [63, 'binary'],
]);

function decoderInto(events: BinlogEvent[], checksumBytes = 0, hints?: HintReader): EventDecoder {
  return new EventDecoder({
    flavour: 'mysql',
    interests: interestsIn([{ table: users, columns: ['email', 'id'] }]),
    stateSchema: 'unstale',
    charsets: CHARSETS,
    checksumBytes,
    verifyChecksums: true,
    rowMetadata: 'full',
    hints,
    readCatalogue: async () => undefined,
    // Event objects are used again.
    emit: (event) => events.push({ ...event }),
  });
}

const u16 = (value: number): number[] => [value & 255, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];
const text = (value: string): number[] => [...Buffer.from(value)];
const sized = (value: string): number[] => [Buffer.byteLength(value), ...text(value)];

/** An event with a header: time 7 s, server id 3, end at 1000. */
function event(type: number, body: readonly number[]): Buffer {
  return Buffer.from([
    ...u32(7),
    type,
    ...u32(3),
    ...u32(19 + body.length),
    ...u32(1000),
    ...u16(0),
    ...body,
  ]);
}

/** Columns: id INT, email VARCHAR(100) utf8mb4, note VARCHAR(50) utf8mb4. */
function tableMap(schema = 'shop', table = 'users', withNames = true): Buffer {
  const names = ['id', 'email', 'note'].flatMap(sized);
  const parts = [
    [1, 0, 0, 0, 0, 0, 0, 0],
    [...sized(schema), 0, ...sized(table), 0],
    [3, 3, 15, 15],
    [4, ...u16(400), ...u16(200)],
    [0b110],
    [1, 1, 0x00],
    [2, 3, 0xfc, ...u16(255)],
    withNames ? [4, names.length, ...names] : [],
  ];
  return event(19, parts.flat());
}

/** Rows of table 1; each image is a bitmap of NULLs and the values. */
function rows(
  type: 30 | 31 | 32,
  images: readonly number[],
  bitmaps: readonly number[] = type === 31 ? [7, 7] : [7],
): Buffer {
  return event(type, [1, 0, 0, 0, 0, 0, 0, 0, ...u16(2), 3, ...bitmaps, ...images]);
}

const image = (id: number, email: string, note: string): number[] => [
  0,
  ...u32(id),
  ...u16(email.length),
  ...text(email),
  note.length,
  ...text(note),
];

function decodeAll(...buffers: Buffer[]): BinlogEvent[] {
  const events: BinlogEvent[] = [];
  const decoder = decoderInto(events);
  for (const buffer of buffers) expect(decoder.event(buffer, 0, buffer.length)).toBeUndefined();
  return events;
}

describe('the event decoder', () => {
  it('gives only the wanted columns, in their order, of every row', () => {
    expect(decodeAll(tableMap(), rows(30, [...image(7, 'a@x', 'n'), ...image(8, 'b@x', '')]))).toMatchObject([
      {
        kind: 'rows',
        timestamp: 7,
        nextOffset: 1000,
        changes: [
          { op: 'insert', table: users, after: ['a@x', 7] },
          { op: 'insert', after: ['b@x', 8] },
        ],
      },
    ]);
  });

  it('gives both images of an update, NULL as null, and leaves out what an image does not hold', () => {
    const nulls = [0b010, ...u32(9), 1, ...text('n')];
    expect(decodeAll(tableMap(), rows(31, [...image(9, 'a@x', ''), ...nulls]))).toMatchObject([
      { changes: [{ op: 'update', before: ['a@x', 9], after: [null, 9] }] },
    ]);
  });

  it('takes what an UPDATE left out of its after image from the before image, and nothing the other way', () => {
    // A before image with the id only, an after image with the note only.
    const other = rows(31, [0, ...u32(9), 0, 1, ...text('n')], [0b001, 0b100]);
    expect(decodeAll(tableMap(), other)).toMatchObject([
      { changes: [{ op: 'update', before: [undefined, 9], after: [undefined, 9] }] },
    ]);
    const email = rows(31, [0, ...u32(9), 0, ...u16(3), ...text('b@x')], [0b001, 0b010]);
    expect(decodeAll(tableMap(), email)).toMatchObject([
      { changes: [{ op: 'update', before: [undefined, 9], after: ['b@x', 9] }] },
    ]);
    const toNull = rows(31, [0, ...u32(9), ...u16(3), ...text('a@x'), 1], [0b011, 0b010]);
    expect(decodeAll(tableMap(), toNull)).toMatchObject([
      { changes: [{ op: 'update', before: ['a@x', 9], after: [null, 9] }] },
    ]);
    const inserted = rows(30, [0, ...u32(9)], [0b001]);
    expect(decodeAll(tableMap(), inserted)).toMatchObject([
      { changes: [{ op: 'insert', after: [undefined, 9] }] },
    ]);
  });

  it('says nothing of other tables, and tells its own state tables from them', () => {
    expect(decodeAll(tableMap('shop', 'other'), rows(30, image(1, 'a', 'b')))).toEqual([]);
    expect(decodeAll(tableMap('unstale', 'positions'), rows(30, image(1, 'a', 'b')))).toMatchObject([
      { kind: 'own-rows' },
    ]);
  });

  it('follows a table id that another table takes over', () => {
    const events = decodeAll(
      tableMap(),
      tableMap('shop', 'other'),
      rows(32, image(1, 'a', 'b')),
      tableMap(),
      rows(32, image(2, 'c', 'd')),
    );
    expect(events).toMatchObject([{ changes: [{ op: 'delete', before: ['c', 2] }] }]);
  });

  it('refuses rows of a table that was never announced, as when a stream begins inside a transaction', () => {
    expect(() => decodeAll(rows(30, image(1, 'a', 'b')))).toThrow(
      expect.objectContaining({ code: 'UNSTALE_EVENT_UNDECODABLE' }),
    );
  });

  it('refuses a mapped table whose column names are not in the binlog', () => {
    expect(() => decodeAll(tableMap('shop', 'users', false))).toThrow(
      expect.objectContaining({ code: 'UNSTALE_EVENT_UNDECODABLE' }),
    );
  });

  it('refuses rows that end within a value or go on behind the last row', () => {
    const whole = rows(30, image(7, 'a@x', 'note'));
    for (let cut = 1; cut < 10; cut += 1) {
      const events: BinlogEvent[] = [];
      const decoder = decoderInto(events);
      void decoder.event(tableMap(), 0, tableMap().length);
      whole.writeUInt32LE(whole.length - cut, 9);
      expect(() => decoder.event(whole, 0, whole.length - cut)).toThrow(UnstaleError);
      expect(events).toEqual([]);
    }
  });

  it('reads GTIDs of MySQL with their commit time, and of MariaDB with their group', () => {
    const uuid = [...Buffer.from('3e11fa4771ca11e19e33c80aa9429562', 'hex')];
    const micros = 1_790_000_000_123_456;
    const time = Buffer.alloc(7);
    time.writeUIntLE(micros % 2 ** 48, 0, 6);
    time[6] = Math.floor(micros / 2 ** 48) | 0x80;
    const mysql = event(33, [1, ...uuid, ...u32(5), ...u32(1), 2, ...Array<number>(16).fill(0), ...time]);
    expect(decodeAll(mysql)).toMatchObject([
      {
        kind: 'gtid',
        gtid: { source: '3e11fa47-71ca-11e1-9e33-c80aa9429562', sequence: 2 ** 32 + 5 },
        opens: 'by-statement',
        committedAt: micros / 1000,
      },
    ]);
    const mariadb = (flags: number): Buffer => event(162, [...u32(9), ...u32(0), ...u32(1), flags, 0, 0]);
    expect(decodeAll(mariadb(0), mariadb(1))).toMatchObject([
      { kind: 'gtid', gtid: { source: '1-3', sequence: 9 }, opens: 'transaction' },
      { kind: 'gtid', gtid: { source: '1-3', sequence: 9 }, opens: 'standalone' },
    ]);
  });

  it('reads statements with their default schema, and commits', () => {
    const query = event(2, [
      ...u32(1),
      ...u32(0),
      4,
      ...u16(0),
      ...u16(3),
      9,
      9,
      9,
      ...text('shop'),
      0,
      ...text('BEGIN'),
    ]);
    expect(decodeAll(query, event(16, Array<number>(8).fill(1)))).toMatchObject([
      { kind: 'begin' },
      { kind: 'commit', nextOffset: 1000 },
    ]);
  });

  it('does not take the checksum for data', () => {
    const events: BinlogEvent[] = [];
    const decoder = decoderInto(events, 4);
    for (const whole of [tableMap(), rows(30, image(7, 'a@x', 'n'))]) {
      const checked = Buffer.concat([whole, Buffer.alloc(4)]);
      checked.writeUInt32LE(checked.length, 9);
      checked.writeUInt32LE(crc32(checked.subarray(0, whole.length)), whole.length);
      void decoder.event(checked, 0, checked.length);
    }
    expect(events).toMatchObject([{ changes: [{ after: ['a@x', 7] }] }]);
  });

  it('reads where the next file begins', () => {
    const rotate = event(4, [...u32(4), ...u32(0), ...text('binlog.000002')]);
    expect(decodeAll(rotate)).toMatchObject([{ kind: 'rotate', file: 'binlog.000002', offset: 4 }]);
  });

  it('ends in a documented error or in rows, for whatever bytes, and never hangs', () => {
    const types = fc.constantFrom(
      2,
      16,
      19,
      23,
      24,
      25,
      30,
      31,
      32,
      33,
      39,
      162,
      166,
      167,
      168,
      169,
      170,
      171,
    );
    const garbage = fc.uint8Array({ maxLength: 120 });
    const damage = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(types, garbage), { maxLength: 6 }), damage, (random, changes) => {
        const whole = [tableMap(), rows(31, [...image(9, 'a@x', 'n'), ...image(9, 'b@x', 'm')])];
        for (const buffer of whole) {
          for (const [at, value] of changes) if (at < buffer.length) buffer[at] = value;
        }
        const decoder = decoderInto([]);
        for (const buffer of [...whole, ...random.map(([type, body]) => event(type, [...body]))]) {
          try {
            void decoder.event(buffer, 0, buffer.length);
          } catch (error) {
            expect(error).toBeInstanceOf(UnstaleError);
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('finds the keys that comments name in the statements of rows and others, only where they are wanted', () => {
    const sql = 'UPDATE t SET a = 1 /* unstale: a, b */';
    const buffers = [
      event(29, [sql.length, ...text(sql)]),
      event(160, text(sql)),
      event(2, [...u32(1), ...u32(0), 4, ...u16(0), ...u16(0), ...text('shop'), 0, ...text(sql)]),
      event(29, [9, ...text('DELETE FROM t')]),
    ];
    const hinted: BinlogEvent[] = [];
    const decoder = decoderInto(hinted, 0, new HintReader(() => undefined));
    for (const buffer of buffers) void decoder.event(buffer, 0, buffer.length);
    expect(hinted).toMatchObject([
      { kind: 'hints', hints: ['a', 'b'], nextOffset: 1000 },
      { kind: 'hints', hints: ['a', 'b'] },
      { kind: 'statement', text: sql, hints: ['a', 'b'] },
      { kind: 'other' },
    ]);
    const plain = decodeAll(...buffers);
    expect(plain.map(({ kind }) => kind)).toEqual(['other', 'other', 'statement', 'other']);
    expect(plain[2]).not.toHaveProperty('hints');
  });

  it('says so when a text is too long to be searched, but only if it may name a key', () => {
    let unread = 0;
    const decoder = decoderInto(
      [],
      0,
      new HintReader(() => {
        unread += 1;
      }),
    );
    const long = 'x'.repeat(64 * 1024);
    for (const sql of [long, `${long}/* unstale: a */`]) {
      const buffer = event(160, text(sql));
      void decoder.event(buffer, 0, buffer.length);
    }
    expect(unread).toBe(1);
  });
});
