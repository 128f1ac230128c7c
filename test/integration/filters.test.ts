import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

interface Filtered {
  readonly definition: string;
  readonly filter: string;
  /** What an application would SELECT for its key; `v` is the column. */
  readonly sql: string;
  readonly values: readonly string[];
}

const UUID_OF = `LOWER(CONCAT_WS('-', SUBSTR(HEX(v), 1, 8), SUBSTR(HEX(v), 9, 4), SUBSTR(HEX(v), 13, 4),
  SUBSTR(HEX(v), 17, 4), SUBSTR(HEX(v), 21)))`;

const FILTERED: Readonly<Record<string, Filtered>> = {
  lower: {
    definition: 'VARCHAR(40)',
    filter: 'lower',
    sql: 'LOWER(v)',
    values: ["'Ann@Example.ORG'", "'GRÜSSE'", "''", "'ÀÉÎ ŽLUŤ ДОМ'"],
  },
  upper: {
    definition: 'VARCHAR(40)',
    filter: 'upper',
    sql: 'UPPER(v)',
    values: ["'ann'", "'grüße'", "'žluť дом'"],
  },
  trimmed: {
    definition: 'VARCHAR(40)',
    filter: 'trim',
    sql: 'TRIM(v)',
    values: ["'  a b '", "'   '", "'x'"],
  },
  chained: {
    definition: 'VARCHAR(40)',
    filter: 'trim|lower|sha256',
    sql: 'SHA2(LOWER(TRIM(v)), 256)',
    values: ["' Ann@Example.org '"],
  },
  hexed: {
    definition: 'VARBINARY(20)',
    filter: 'hex',
    sql: 'HEX(v)',
    values: ["x'00ff10'", "x''", "x'ab00'"],
  },
  fixed_hex: {
    definition: 'BINARY(4)',
    filter: 'hex',
    sql: 'HEX(v)',
    values: ["x'01'", "x'01020300'", "x''"],
  },
  text_hex: { definition: 'VARCHAR(20)', filter: 'hex', sql: 'HEX(v)', values: ["'Grüße'"] },
  base: {
    definition: 'VARBINARY(100)',
    filter: 'base64',
    sql: "REPLACE(TO_BASE64(v), '\\n', '')",
    values: ["x'fffe00'", "REPEAT('long', 25)"],
  },
  ident: {
    definition: 'BINARY(16)',
    filter: 'uuid',
    sql: UUID_OF,
    values: ["x'6ccd780cbaba1026956400500049e2e4'", "x'6ccd780cbaba10269564005000490000'"],
  },
  // MySQL 9.7 has no SHA1().
  sha: {
    definition: 'VARCHAR(40)',
    filter: 'sha1',
    sql: "IF(v = '', 'da39a3ee5e6b4b0d3255bfef95601890afd80709', 'f649751d6e1bb46f8c86a8e0300237c33df07074')",
    values: ["'Grüße'", "''"],
  },
  blob_sha: { definition: 'BLOB', filter: 'sha256', sql: 'SHA2(v, 256)', values: ["x'00ff'"] },
  padded: { definition: 'INT', filter: 'pad:6', sql: "LPAD(v, 6, '0')", values: ['7', '0', '123456'] },
  text_pad: { definition: 'VARCHAR(9)', filter: 'pad:4', sql: "LPAD(v, 4, '0')", values: ["'ü'", "'abcd'"] },
  month: {
    definition: 'DATETIME(6)',
    filter: 'date:%Y%m',
    sql: "DATE_FORMAT(v, '%Y%m')",
    values: ["'2026-11-24 10:20:30.5'"],
  },
  moment: {
    definition: 'TIMESTAMP(3) NULL',
    filter: 'date:%d.%m.%Y %H-%i-%s.%f',
    sql: "DATE_FORMAT(CONVERT_TZ(v, @@session.time_zone, '+00:00'), '%d.%m.%Y %H-%i-%s.%f')",
    values: ["'2026-11-24 10:20:30.125'"],
  },
  clock: { definition: 'TIME', filter: 'date:%H', sql: "TIME_FORMAT(v, '%H')", values: ["'09:30:00'"] },
  missing: {
    definition: 'VARCHAR(20)',
    filter: 'default:none',
    sql: "COALESCE(v, 'none')",
    values: ['NULL', "'x'"],
  },
};

describe.each(inject('servers').mysql)('filters on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    const columns = Object.entries(FILTERED).map(([name, { definition }]) => `${name} ${definition}`);
    await shop.db.query(
      `CREATE TABLE filtered (n INT PRIMARY KEY, ${columns.join(', ')}) CHARACTER SET utf8mb4`,
    );
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            {
              table: `${shop.db.name}.filtered`,
              keys: [
                ...Object.entries(FILTERED).map(([name, { filter }]) =>
                  shop.key(`${name}={ ${name} | ${filter} }`),
                ),
                shop.key('cart:{{{n}}}'),
              ],
            },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    await shop?.close();
  });

  it.each(Object.entries(FILTERED))(
    '%s: the key of every value equals the one built from what MySQL computes',
    async (name, { sql, values }) => {
      await shop.db.query('DELETE FROM filtered');
      for (const [index, value] of values.entries()) {
        await shop.db.query(`INSERT INTO filtered (n, ${name}) VALUES (${index}, ${value})`);
      }
      await shop.settled();
      const rows = await shop.db.query(
        `SELECT CONVERT(${sql.replaceAll(/\bv\b/g, name)} USING utf8mb4) AS value FROM filtered ORDER BY n`,
      );
      const rests = rows.map((row) => `${name}=${String(row['value'])}`);
      expect(rests).toHaveLength(values.length);
      await shop.cache(...rests, `${name}=other`);
      await shop.db.query('DELETE FROM filtered');
      await shop.settled();
      expect(await shop.cached([...rests, `${name}=other`])).toEqual([`${name}=other`]);
    },
  );

  it('a value in three braces is a hash tag of Redis Cluster', async () => {
    await shop.cache('cart:{500}', 'cart:{501}');
    await shop.db.query('INSERT INTO filtered (n) VALUES (500)');
    await shop.settled();
    expect(await shop.cached(['cart:{500}', 'cart:{501}'])).toEqual(['cart:{501}']);
  });
});
