import { open } from 'node:fs/promises';

import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { installedMysqlFlavours } from '../../scripts/servers/installed.ts';
import { startMysqlServer } from '../../scripts/servers/mysql-server.ts';
import type { MysqlServer } from '../../scripts/servers/mysql-server.ts';
import { readTableDefinition } from '../../src/binlog/catalogue.ts';
import { readCharsets } from '../../src/binlog/charsets.ts';
import { ByteReader } from '../../src/binlog/decoder/byte-reader.ts';
import { completeColumns, needsCatalogue } from '../../src/binlog/decoder/catalogue-columns.ts';
import type { CatalogueColumns } from '../../src/binlog/decoder/catalogue-columns.ts';
import { RowDecoder } from '../../src/binlog/decoder/row-decoder.ts';
import { readColumns, readTableNames } from '../../src/binlog/decoder/table-map.ts';
import type { ColumnDefinition } from '../../src/binlog/decoder/table-map.ts';
import { textReader } from '../../src/binlog/decoder/text-decoder.ts';
import type { CollationCharsets } from '../../src/binlog/decoder/text-decoder.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient } from '../../src/runtime/mysql-client.ts';

const HEADER = 19;

/** Of every version, of which tables store some in another order, and with zeros at the end. */
const UUIDS = [
  '123e4567-e89b-12d3-a456-426614174000',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '01234567-89ab-4def-c123-456789abcdef',
  '01890a5d-ac96-774b-bcce-b302099a8057',
  '01234567-89ab-6def-8123-456789ab0000',
];
const INET6S = `
  :: ::1 2001:db8::1 ::1.2.3.4 ::ffff:1.2.3.4 1:0:0:2:0:0:0:3 fe80::1:0:0:1 1:2:3:4:5:6:7:8 0:2:3:4:5:6:7:8 1:2:3:4:5:6:7:0
  1:2:3:0:5:6:7:8 ::ffff:0:1 ::1:0:0 1:: ::fffe:1.2.3.4 ::5:ffff:1.2.3.4 0:0:1:: 64:ff9b::1.2.3.4 a:0:0:b:0:0:c:d
`
  .trim()
  .split(/\s+/);

const TYPES = [
  'TINYINT, TINYINT UNSIGNED, SMALLINT, MEDIUMINT UNSIGNED, INT, INT(5) ZEROFILL, BIGINT UNSIGNED, BIGINT, YEAR',
  'DECIMAL(20~6), DECIMAL(10~0) UNSIGNED, FLOAT, FLOAT(30), DOUBLE UNSIGNED, BIT(1), BIT(13), BIT(64)',
  'CHAR(3), CHAR(100) CHARACTER SET utf8mb4, CHAR(7) CHARACTER SET latin1, VARCHAR(20), VARCHAR(300) CHARACTER SET cp1251',
  'VARCHAR(11) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, BINARY(5), BINARY(16), VARBINARY(9), VARBINARY(400)',
  'TINYTEXT, TEXT CHARACTER SET latin2, MEDIUMTEXT, LONGTEXT, TINYBLOB, BLOB, MEDIUMBLOB, LONGBLOB',
  'DATE, TIME, TIME(3), DATETIME, DATETIME(6), TIMESTAMP NULL, TIMESTAMP(1) NULL, GEOMETRY, POINT',
  String.raw`ENUM('s'~'it''s'~'a~b'~'back\\slash'~'Grüße') CHARACTER SET latin1, SET('a'~'b'~'c'), JSON`,
  `ENUM(${Array.from({ length: 300 }, (_, at) => `'v${at}'`).join('~')})`,
  `SET(${Array.from({ length: 40 }, (_, at) => `'s${at}'`).join('~')})`,
];

describe.each(await installedMysqlFlavours())('a TABLE_MAP of %s and the catalogue', (flavour) => {
  let server: MysqlServer;
  let connection: Connection;
  let client: SqlClient;
  let charsets: CollationCharsets;

  beforeAll(async () => {
    server = await startMysqlServer({ flavour });
    connection = await createConnection({ host: server.host, port: server.port, user: 'root' });
    await connection.query('CREATE DATABASE shop');
    await connection.query('USE shop');
    client = createSqlClient(
      { host: server.host, port: server.port, user: 'root', sslMode: 'disabled', connectTimeout: 5000 },
      { name: 'test', queryTimeout: 10_000 },
    );
    charsets = await readCharsets(client);
    const own = flavour === 'mysql' ? ['VECTOR(3)'] : ['UUID', 'INET4', 'INET6', 'VARCHAR(50) COMPRESSED'];
    const types = [...TYPES.flatMap((line) => line.split(', ')), ...own];
    const columns = types.map((type, at) => `c${at} ${type.replaceAll('~', ',')}`);
    await connection.query(`CREATE TABLE typed (n INT UNSIGNED PRIMARY KEY, ${columns.join(', ')})`);
  });

  afterAll(async () => {
    await client?.close();
    await connection?.end();
    await server?.destroy();
  });

  async function one(sql: string): Promise<RowDataPacket> {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    const last = rows.at(-1);
    if (last === undefined) throw new Error(`no row: ${sql}`);
    return last;
  }

  /** The bodies of the first events of these types that a statement gives, behind the table id and the flags. */
  async function eventsOf(statement: string, ...types: readonly RegExp[]): Promise<ByteReader[]> {
    await connection.query('FLUSH LOGS');
    await connection.query(statement);
    const file = String((await one('SHOW BINARY LOGS'))['Log_name']);
    const [events] = await connection.query<RowDataPacket[]>(`SHOW BINLOG EVENTS IN '${file}'`);
    const directory = String((await one('SELECT @@datadir AS directory'))['directory']);
    const handle = await open(`${directory}/${file}`);
    const checksum = (await one('SELECT @@binlog_checksum AS kind'))['kind'] === 'NONE' ? 0 : 4;
    try {
      return await Promise.all(
        types.map(async (type) => {
          const event = events.find((row) => type.test(String(row['Event_type'])));
          const [from, to] = [Number(event?.['Pos']), Number(event?.['End_log_pos'])];
          const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
          return new ByteReader(buffer, HEADER + 8, buffer.length - checksum);
        }),
      );
    } finally {
      await handle.close();
    }
  }

  function columnsOf(tableMap: ByteReader | undefined): readonly ColumnDefinition[] {
    if (tableMap === undefined) throw new Error('there is no TABLE_MAP');
    readTableNames(tableMap);
    return readColumns(tableMap, flavour);
  }

  /** The columns of the TABLE_MAP that a new row gets under a setting. */
  async function announced(metadata: string): Promise<readonly ColumnDefinition[]> {
    await connection.query(`SET GLOBAL binlog_row_metadata = ${metadata}`);
    const [tableMap] = await eventsOf(
      'INSERT INTO typed (n) SELECT COALESCE(MAX(n), 0) + 1 FROM typed',
      /^Table_map$/,
    );
    return columnsOf(tableMap);
  }

  async function catalogue(): Promise<CatalogueColumns> {
    const columns = await readTableDefinition(client, 'shop', 'typed');
    if (columns === undefined) throw new Error('the table is not there');
    return columns;
  }

  function facts(column: ColumnDefinition): object {
    const charset = column.collation === undefined ? undefined : charsets.get(column.collation);
    const decode = textReader(charset);
    const labels = column.labels.map((label) =>
      typeof label === 'string' ? label : decode?.(label, 0, label.length),
    );
    const { collation: _collation, hint: _hint, ...rest } = column;
    return { ...rest, labels, charset };
  }

  const settings = flavour === 'mysql' ? ['MINIMAL'] : ['MINIMAL', 'NO_LOG'];

  it.each(settings)('agree under %s, and give what full metadata gives', async (metadata) => {
    const full = await announced('FULL');
    const known = await catalogue();
    const completed = completeColumns(await announced(metadata), known, charsets);
    if (!completed.ok) throw new Error(completed.reason);
    const factsOf = (column: ColumnDefinition): object => {
      const all = facts(column);
      // Nobody reads their character set, and the catalogue has none.
      return column.type === 255 || column.type === 242 || column.type === 245
        ? { ...all, charset: '' }
        : all;
    };
    const withSign = (column: ColumnDefinition): ColumnDefinition => ({
      ...column,
      unsigned: column.unsigned ?? false,
    });
    expect(completed.columns.map(withSign).map(factsOf)).toEqual(full.map(withSign).map(factsOf));
  });

  const values: Readonly<Record<string, readonly [definition: string, values: readonly string[]]>> = {
    fixed: ['BINARY(16)', ["'abc'", "x'00ff00'", "''", "x'000102030405060708090a0b0c0d0e0f'"]],
    wide: ['BINARY(255)', ["'abc'", "REPEAT(x'ff', 255)"]],
    varying: ['VARBINARY(300)', ["x'616200'", "''", "REPEAT(x'ff', 280)"]],
    bytes: ['BLOB', ["x'00ff'", "''"]],
    bits: ['BIT(13)', ["b'1010'", "b'1111111111111'", '0']],
    bit: ['BIT(1)', ['1', '0']],
    double_precision: ['DOUBLE', ['1.1', '-2.5e300', '0', '1e-310']],
    ...(flavour === 'mysql'
      ? {}
      : {
          uuid: ['UUID', UUIDS.map((text) => `'${text}'`)],
          inet4: ['INET4', ["'1.2.3.4'", "'0.0.0.0'", "'255.255.255.0'"]],
          inet6: ['INET6', INET6S.map((text) => `'${text}'`)],
        }),
  };

  it.each(Object.entries(values))('give the values of a SELECT: %s', async (name, [definition, literals]) => {
    await connection.query('SET GLOBAL binlog_row_metadata = FULL');
    await connection.query(`CREATE TABLE v_${name} (n INT PRIMARY KEY, v ${definition}, tail INT)`);
    const rows = literals.map((literal, at) => `(${at}, ${literal}, ${at + 100})`);
    const [tableMap, written] = await eventsOf(
      `INSERT INTO v_${name} VALUES ${rows.join(', ')}`,
      /^Table_map$/,
      /^Write_rows/,
    );
    const columns = columnsOf(tableMap);
    expect(needsCatalogue(columns, ['v'], 'mariadb')).toBe(/^BINARY|UUID|INET/.test(definition));
    const known = await readTableDefinition(client, 'shop', `v_${name}`);
    const completed = completeColumns(columns, known, charsets);
    if (!completed.ok || written === undefined) throw new Error('no rows');
    const table = { schema: 'shop', table: `v_${name}` };
    const decoder = new RowDecoder({ table, columns: ['v', 'tail'] }, completed.columns, charsets);
    const format = { kind: 'insert', v2: flavour === 'mysql', compressed: false, partial: false } as const;
    const decoded = decoder
      .decode(format, written)
      .map((change) => (change.op === 'insert' ? change.after : []));
    const [selected] = await connection.query<RowDataPacket[]>(`SELECT v, tail FROM v_${name} ORDER BY n`);
    expect(decoded.map((row) => row.map(plain))).toEqual(
      selected.map((row) => [plain(row['v']), row['tail']]),
    );
  });

  it.each(settings)(
    'do not agree under %s when a column came, went or changed its kind',
    async (metadata) => {
      const columns = await announced(metadata);
      const known = await catalogue();
      expect(completeColumns(columns, undefined, charsets).ok).toBe(false);
      for (const [at, entry] of known.entries()) {
        expect(completeColumns(columns, known.toSpliced(at, 1), charsets).ok, entry.name).toBe(false);
        expect(completeColumns(columns, known.toSpliced(at, 0, entry), charsets).ok, entry.name).toBe(false);
        const other = known.find(
          ({ dataType }) => dataType !== entry.dataType && !isAlike(dataType, entry.dataType),
        );
        if (other === undefined) throw new Error(`nothing differs from ${entry.name}`);
        expect(completeColumns(columns, known.with(at, other), charsets).ok, entry.name).toBe(false);
      }
    },
  );
});

/** As mysql2 gives bytes. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

/** Types that one TABLE_MAP may stand for. */
function isAlike(one: string, other: string): boolean {
  const shapes = ['geometry', 'point'];
  return shapes.includes(one) && shapes.includes(other);
}
