import * as fc from 'fast-check';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { createDatabase, rootCredentials } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { typedColumns } from '../support/typed-columns.ts';
import type { TypedColumn } from '../support/typed-columns.ts';
import { decodeOurs, decodeZongji } from '../support/two-decoders.ts';
import type { BinlogPart, Change } from '../support/two-decoders.ts';

const SEED = 20261124;
const ROWS = 60;
/** More than one byte of a length can say, and than the columns of one byte of a bitmap. */
const WIDE_COLUMNS = 300;

/** Where zongji's values are not those of a SELECT; ours are (facts that were seen on zongji 0.9.0). */
const ZONGJI_DIFFERS: readonly {
  readonly what: string;
  readonly holds: (zongji: unknown, ours: unknown) => boolean;
}[] = [
  { what: 'the year 0 is 1900', holds: (zongji, ours) => zongji === 1900 && ours === 0 },
  {
    what: 'a negative TIME of whole minutes has 64 seconds',
    holds: (zongji, ours) =>
      /^-.*:64(?:\.0+)?$/.test(String(zongji)) && /^-.*:00(?:\.0+)?$/.test(String(ours)),
  },
  {
    what: 'an invalid ENUM value is undefined',
    holds: (zongji, ours) => zongji === undefined && ours === '',
  },
];

/** Whether a value that cannot stand in a key is zongji's, which leaves out the zeros that fill a BINARY column. */
function isSame(own: unknown, other: unknown): boolean {
  if (!(own instanceof Uint8Array) || !(other instanceof Uint8Array)) return own === other;
  const padded = new Uint8Array(own.length);
  if (other.length > own.length) return false;
  padded.set(other);
  return Buffer.compare(own, padded) === 0;
}

describe.each(inject('servers').mysql)('our decoder, zongji and SELECT on $label', (server) => {
  let db: TestDatabase;
  let app: Connection;
  let client: ReturnType<typeof createSqlClient>;

  beforeAll(async () => {
    db = await createDatabase(server);
    const account = rootCredentials(server);
    client = createSqlClient(
      { ...account, sslMode: 'disabled', connectTimeout: 10_000 },
      { name: 'differential', queryTimeout: 10_000 },
    );
    app = await createConnection({
      ...account,
      database: db.name,
      supportBigNumbers: true,
      dateStrings: true,
      jsonStrings: true,
      timezone: 'Z',
    });
    await app.query("SET time_zone = '+00:00', sql_mode = ''");
  });

  afterAll(async () => {
    await app?.end();
    await client?.close();
    await db?.drop();
  });

  /** Creates the table and runs the changes; returns what both decoders made of them. */
  async function decodeBoth(
    table: string,
    columns: readonly TypedColumn[],
    change: () => Promise<void>,
  ): Promise<{ readonly ours: readonly Change[]; readonly zongji: readonly Change[] }> {
    const definitions = columns.map(({ name, definition }) => `${name} ${definition}`);
    await app.query(`CREATE TABLE ${table} (n INT PRIMARY KEY, ${definitions.join(', ')})`);
    const from = await place();
    await change();
    const to = await place();
    const part: BinlogPart = { file: from.file, from: from.offset, to: to.offset };
    const ref = { schema: db.name, table };
    const ours = await decodeOurs(server, client, part, ref, ['n', ...columns.map(({ name }) => name)]);
    return { ours, zongji: await decodeZongji(server, part, ref) };
  }

  async function place(): Promise<{ readonly file: string; readonly offset: number }> {
    const statement = server.flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
    const [row] = await select(statement);
    return { file: String(row?.['File']), offset: Number(row?.['Position']) };
  }

  async function select(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const [rows] = await app.query(sql);
    const all: unknown[] = Array.isArray(rows) ? rows : [];
    return all.filter((row) => typeof row === 'object' && row !== null).map((row) => ({ ...row }));
  }

  async function insert(
    table: string,
    columns: readonly TypedColumn[],
    first: number,
    seed: number,
  ): Promise<void> {
    const rows = fc.sample(fc.tuple(...columns.map(({ values }) => values)), { seed, numRuns: ROWS });
    for (const [index, row] of rows.entries()) {
      await app.query(`INSERT INTO ${table} VALUES (?${', ?'.repeat(columns.length)})`, [
        first + index,
        ...row,
      ]);
    }
  }

  function expectSame(
    columns: readonly TypedColumn[],
    ours: readonly Change[],
    zongji: readonly Change[],
  ): void {
    expect(ours.map(({ op }) => op)).toEqual(zongji.map(({ op }) => op));
    const different: unknown[] = [];
    for (const [index, change] of ours.entries()) {
      for (const image of ['before', 'after'] as const) {
        for (const { name, inKeys } of columns) {
          const own = change[image]?.[name];
          const other = zongji[index]?.[image]?.[name];
          if (!inKeys) {
            if (own !== undefined && own !== null && !isSame(own, other))
              different.push({ index, image, name, own, other });
          } else if (own !== other && !ZONGJI_DIFFERS.some(({ holds }) => holds(other, own))) {
            different.push({ index, image, name, own, other });
          }
        }
      }
    }
    expect(different).toEqual([]);
  }

  it('agree on inserts, updates and deletes of every column type', async () => {
    const columns = typedColumns(server.flavour);
    let selected: readonly Readonly<Record<string, unknown>>[] = [];
    const { ours, zongji } = await decodeBoth('typed', columns, async () => {
      await insert('typed', columns, 0, SEED);
      selected = await select('SELECT * FROM typed ORDER BY n');
      await app.query('UPDATE typed SET n = n + 1000');
      await app.query('DELETE FROM typed');
    });
    expectSame(columns, ours, zongji);
    expect(ours).toHaveLength(3 * ROWS);
    const read = columns.filter(({ inKeys }) => inKeys).map(({ name }) => name);
    const values = (row: Readonly<Record<string, unknown>> | undefined): unknown =>
      Object.fromEntries(read.map((name) => [name, row?.[name]]));
    for (const [index, row] of selected.entries()) {
      expect(values(ours[index]?.after)).toEqual(values(row));
      expect(values(ours[ROWS + index]?.before)).toEqual(values(row));
      expect(values(ours[ROWS + index]?.after)).toEqual(values(row));
      expect(values(ours[2 * ROWS + index]?.before)).toEqual(values(row));
    }
  });

  it('agree on a table of more than 255 columns', async () => {
    const small = typedColumns(server.flavour).filter(({ definition }) =>
      /^(?:TINYINT|INT|BIGINT|DATE|YEAR|BIT|DOUBLE|SET|ENUM|TIME|DECIMAL\(10|CHAR\(9\) CHARACTER SET latin1)/.test(
        definition,
      ),
    );
    const columns = Array.from({ length: WIDE_COLUMNS }, (_, no) => {
      const column = small[no % small.length];
      if (column === undefined) throw new Error('there are no small columns');
      return { ...column, name: `c${no}` };
    });
    const { ours, zongji } = await decodeBoth('wide', columns, async () => {
      await insert('wide', columns, 0, SEED + 1);
      await app.query('UPDATE wide SET n = n + 1000');
    });
    expectSame(columns, ours, zongji);
    expect(ours).toHaveLength(2 * ROWS);
  });

  it.each(['MINIMAL', 'NOBLOB'])('agree on what images of binlog_row_image = %s hold', async (setting) => {
    const columns = typedColumns(server.flavour);
    const table = `image_${setting.toLowerCase()}`;
    const { ours, zongji } = await decodeBoth(table, columns, async () => {
      await app.query(`SET SESSION binlog_row_image = ${setting}`);
      await insert(table, columns, 0, SEED + 2);
      await app.query(`UPDATE ${table} SET INT_s = 5, varchar_utf8mb4 = 'new' WHERE n % 2 = 0`);
      await app.query(`DELETE FROM ${table}`);
      await app.query('SET SESSION binlog_row_image = FULL');
    });
    // zongji gives null for what an image does not hold.
    const known = ours.map((change, index) => ({
      op: change.op,
      ...(change.before === undefined ? {} : { before: filled(change.before, zongji[index]?.before) }),
      ...(change.after === undefined ? {} : { after: filled(change.after, zongji[index]?.after) }),
    }));
    expectSame(columns, known, zongji);
    const update = ours.find(({ op }) => op === 'update');
    expect(update?.after).toMatchObject({ INT_s: 5, varchar_utf8mb4: 'new' });
    expect(update?.after?.['BIGINT_u'] === undefined).toBe(setting === 'MINIMAL');
    expect(update?.before?.['n']).toBeDefined();
  });
});

function filled(
  ours: Readonly<Record<string, unknown>>,
  zongji: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(ours).map(([name, value]) => [
      name,
      value === undefined && (zongji?.[name] === null || zongji?.[name] === undefined)
        ? zongji?.[name]
        : value,
    ]),
  );
}
