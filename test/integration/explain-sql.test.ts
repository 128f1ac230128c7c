import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Filter } from '../../src/change/filter.ts';
import type { ColumnValue } from '../../src/change/row-change.ts';
import { reverseFilters } from '../../src/mapping/explain-reverse.ts';
import { conditionSql } from '../../src/mapping/explain-sql.ts';
import { compileFilters } from '../../src/mapping/filters.ts';
import { parseTemplate } from '../../src/mapping/template.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient } from '../../src/runtime/mysql-client.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

const TEXTS = [
  "'Ann@Example.org'",
  "' padded  '",
  "''",
  "'7'",
  "'007'",
  "'0000'",
  "'it''s'",
  String.raw`'back\\slash'`,
  String.raw`'two\nlines\r\Z'`,
  "'GRÜSSE grüße'",
  "'none'",
  "'100%'",
  "'a_b'",
  'NULL',
];
const WIDE = ["'ДОМ дом'", "'日本 🎉'", "'žluť'"];

/** Definition, values, and filters that stand behind it in templates. */
const COLUMNS: Readonly<Record<string, readonly [string, readonly string[], readonly string[]]>> = {
  folded: [
    'VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
    [...TEXTS, ...WIDE],
    [
      '',
      'lower',
      'upper',
      'trim',
      'trim|lower',
      'pad:5',
      'urlencode',
      'hex',
      'base64',
      'sha256',
      'default:none',
      'lower|default:none',
      'default:None|lower',
      'trim|lower|sha256',
      'lower|hex',
      'trim|pad:4',
      'sha256|upper',
    ],
  ],
  exact: [
    'VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    [...TEXTS, ...WIDE],
    ['', 'lower', 'upper', 'trim', 'hex', 'base64', 'sha256', 'lower|sha256', 'pad:6|base64'],
  ],
  narrow: [
    'VARCHAR(40) CHARACTER SET latin1',
    TEXTS,
    ['', 'trim', 'hex', 'base64', 'sha256', 'urlencode', 'pad:9'],
  ],
  bytes: [
    'VARBINARY(20)',
    ["X'00FF'", "X''", "'text'", 'NULL'],
    ['hex', 'base64', 'sha256', 'hex|lower', 'default:x|hex'],
  ],
  ident: [
    'BINARY(16)',
    ["X'6CCD780CBABA1026956400500049E2E4'", "X'00'"],
    ['uuid', 'hex', 'uuid|upper', 'base64'],
  ],
  whole: [
    'BIGINT',
    ['7', '-12', '0', '9223372036854775807', 'NULL'],
    ['', 'pad:4', 'default:none', 'sha256', 'pad:4|sha256'],
  ],
  price: ['DECIMAL(10,2)', ['5', '-0.5', '1234.56'], ['', 'pad:9', 'lower']],
  day: ['DATE', ["'2026-11-24'", "'1999-01-02'"], ['', 'date:%Y', 'date:%d.%m.%Y', 'date:%Y-%m|default:x']],
  moment: [
    'DATETIME(3)',
    ["'2026-11-24 10:20:30.125'"],
    ['', 'date:%Y-%m-%d', 'date:%H:%i:%s.%f', 'date:100%%%Y'],
  ],
  stamp: ['TIMESTAMP NULL', ["'2026-11-24 10:20:30'"], ['', 'date:%Y%m%d%H']],
  clock: ['TIME(1)', ["'09:30:00.5'", "'-12:00:00'", "'838:00:00'"], ['', 'date:%H-%i', 'date:%i.%f']],
  choice: ["ENUM('a','B')", ["'a'", "'B'"], ['', 'lower', 'default:none']],
};

function filtersOf(text: string): readonly Filter[] {
  const parsed = parseTemplate(`k:{c${text === '' ? '' : `|${text}`}}`);
  const value = parsed.ok ? parsed.template.parts.find((part) => part.kind === 'value') : undefined;
  if (value === undefined) throw new Error(`no filters: ${text}`);
  return value.filters;
}

describe.each(inject('servers').mysql)('the SQL behind a key on $label', (server) => {
  let db: TestDatabase;
  let client: SqlClient;

  beforeAll(async () => {
    db = await createDatabase(server);
    for (const [name, [definition, values]] of Object.entries(COLUMNS)) {
      await db.query(`CREATE TABLE ${name}s (n INT AUTO_INCREMENT PRIMARY KEY, ${name} ${definition})`);
      for (const value of values) await db.query(`INSERT INTO ${name}s (${name}) VALUES (${value})`);
    }
    const url = new URL(db.url);
    client = createSqlClient(
      {
        host: url.hostname,
        port: Number(url.port),
        user: db.account.user,
        password: db.account.password,
        sslMode: 'disabled',
        connectTimeout: 5000,
      },
      { name: 'explain', queryTimeout: 10_000 },
    );
  });

  afterAll(async () => {
    await client?.close();
    await db?.drop();
  });

  const cases = Object.entries(COLUMNS).flatMap(([name, [, , chains]]) =>
    chains.map((chain): [string, string] => [name, chain]),
  );

  it.each(cases)('%s|%s: finds every row by its key', async (name, chain) => {
    const filters = filtersOf(chain);
    const [facts] = await client.query(
      'SELECT DATA_TYPE AS type FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME = ?',
      [db.name, `${name}s`, name],
    );
    const rows = await client.query(`SELECT n, ${name} AS v FROM ${db.name}.${name}s`);
    let found = 0;
    for (const { n, v } of rows) {
      const key = compileFilters(filters)(v as ColumnValue);
      if (typeof key !== 'string') continue;
      const condition = reverseFilters(key, filters);
      if (condition === undefined) throw new Error(`${key} is not turned around`);
      const sql = conditionSql(name, condition, String(facts?.['type']).toLowerCase());
      if (typeof sql !== 'string') throw new Error(`${key} is excluded`);
      const matching = await client.query(`SELECT n FROM ${db.name}.${name}s WHERE ${sql}`);
      expect(
        matching.map((row) => row['n']),
        `${sql} finds ${key}`,
      ).toContain(n);
      found += 1;
    }
    expect(found).toBeGreaterThan(0);
  });
});
