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
import { completeColumns } from '../../src/binlog/decoder/catalogue-columns.ts';
import type { CatalogueColumns } from '../../src/binlog/decoder/catalogue-columns.ts';
import { readColumns, readTableNames } from '../../src/binlog/decoder/table-map.ts';
import type { ColumnDefinition } from '../../src/binlog/decoder/table-map.ts';
import { textReader } from '../../src/binlog/decoder/text-decoder.ts';
import type { CollationCharsets } from '../../src/binlog/decoder/text-decoder.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient } from '../../src/runtime/mysql-client.ts';

const HEADER = 19;

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

  /** The columns of the TABLE_MAP that a new row gets under a setting. */
  async function announced(metadata: string): Promise<readonly ColumnDefinition[]> {
    await connection.query(`SET GLOBAL binlog_row_metadata = ${metadata}`);
    await connection.query('FLUSH LOGS');
    await connection.query('INSERT INTO typed (n) SELECT COALESCE(MAX(n), 0) + 1 FROM typed');
    const file = String((await one('SHOW BINARY LOGS'))['Log_name']);
    const [events] = await connection.query<RowDataPacket[]>(`SHOW BINLOG EVENTS IN '${file}'`);
    const event = events.find((row) => row['Event_type'] === 'Table_map');
    const [from, to] = [Number(event?.['Pos']), Number(event?.['End_log_pos'])];
    const directory = String((await one('SELECT @@datadir AS directory'))['directory']);
    const handle = await open(`${directory}/${file}`);
    try {
      const { buffer } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
      const checksum = (await one('SELECT @@binlog_checksum AS kind'))['kind'] === 'NONE' ? 0 : 4;
      const reader = new ByteReader(buffer, HEADER + 8, buffer.length - checksum);
      readTableNames(reader);
      return readColumns(reader, flavour);
    } finally {
      await handle.close();
    }
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
    expect(completeColumns(full, known, charsets).ok).toBe(true);
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

/** Types that one TABLE_MAP may stand for. */
function isAlike(one: string, other: string): boolean {
  const shapes = ['geometry', 'point'];
  return shapes.includes(one) && shapes.includes(other);
}
