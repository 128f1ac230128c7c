import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { textReader } from '../../src/binlog/decoder/text-decoder.ts';
import { createDatabase, rootCredentials } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

describe.each(inject('servers').mysql)('the character sets of $label', (server) => {
  let db: TestDatabase;
  let app: Connection;
  let charsets: readonly string[] = [];

  beforeAll(async () => {
    db = await createDatabase(server);
    app = await createConnection({
      ...rootCredentials(server),
      database: db.name,
    });
    await app.query("SET NAMES utf8mb4, sql_mode = ''");
    // Every code point of the basic plane.
    await app.query('CREATE TABLE points (n INT PRIMARY KEY)');
    await app.query('INSERT INTO points VALUES (1)');
    for (let have = 1; have < 65_536; have *= 2)
      await app.query('INSERT INTO points SELECT n + ? FROM points', [have]);
    await app.query('DELETE FROM points WHERE n > 65535 OR n BETWEEN 55296 AND 57343');
    const rows = await select('SELECT CHARACTER_SET_NAME AS name FROM information_schema.CHARACTER_SETS');
    charsets = rows.map(({ name }) => String(name)).filter((name) => textReader(name) !== undefined);
  });

  afterAll(async () => {
    await app?.end();
    await db?.drop();
  });

  async function select(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const [rows] = await app.query(sql);
    const all: unknown[] = Array.isArray(rows) ? rows : [];
    return all.filter((row) => typeof row === 'object' && row !== null).map((row) => ({ ...row }));
  }

  it('give each of their characters as a SELECT does, or say that it is unknown', async () => {
    const seen: string[] = [];
    for (const charset of charsets) {
      const read = textReader(charset);
      const rows = await select(`
        SELECT bytes, HEX(CONVERT(CONVERT(UNHEX(bytes) USING ${charset}) USING utf8mb4)) AS selected FROM (
          SELECT DISTINCT HEX(CONVERT(CONVERT(UNHEX(LPAD(HEX(n), 4, '0')) USING utf16) USING ${charset})) AS bytes
          FROM points) AS encoded`);
      const wrong = rows.filter(({ bytes, selected }) => {
        const buffer = Buffer.from(String(bytes), 'hex');
        const text = read?.(buffer, 0, buffer.length);
        return text !== undefined && text !== Buffer.from(String(selected), 'hex').toString();
      });
      expect({ charset, wrong }).toEqual({ charset, wrong: [] });
      seen.push(charset);
    }
    expect(seen).toEqual(expect.arrayContaining(['latin1', 'utf8mb4', 'sjis', 'gbk', 'utf16']));
  });
});
