import * as fc from 'fast-check';
import { createConnection, escape, escapeId } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import type { RowChange } from '../../src/change/row-change.ts';
import { compileCondition } from '../../src/mapping/condition.ts';
import type { ImageCondition } from '../../src/mapping/condition.ts';
import { BOUNDS } from '../../src/mapping/condition-comparison.ts';
import type { Bound, Comparison } from '../../src/mapping/condition-comparison.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { createDatabase, rootCredentials } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { decodeOurs } from '../support/two-decoders.ts';

const SEED = 20261125;
const ROWS = 300;
const CONDITIONS = 400;
const SQL_OPERATORS: Readonly<Record<Bound, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

interface TestColumn {
  readonly name: string;
  readonly definition: string;
  readonly values: fc.Arbitrary<string>;
  /** Spellings of values that MySQL takes for this type. */
  readonly constants: fc.Arbitrary<string>;
  /** Numbers stand in SQL without quotes. */
  readonly literal: (text: string) => string;
  /** The order is known, so that ranges can be compared. */
  readonly ordered: boolean;
}

const quoted = (text: string): string => escape(text);

function integers(...ends: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(fc.integer({ min: 0, max: 5 }).map(String), fc.constantFrom(...ends));
}

const decimals = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.nat({ max: 2 }),
    fc.constantFrom('', '.0', '.5', '.50', '.25', '.250001'),
  )
  .map((parts) => parts.join(''));
const numerals = fc.oneof(decimals, integers('9007199254740993', '18446744073709551615', '-1'));
const letters = fc.string({
  unit: fc.constantFrom(
    ...Array.from('aAåäÄsSßeéuüyoøijıvwæ ñn\u00ad🍣🍺яЯйиひヒ日-_09.'),
    'ss',
    'aa',
    'ae',
    'e\u0301',
  ),
  maxLength: 3,
});
const dates = fc.constantFrom('2026-01-30', '2026-01-31', '2026-02-01', '1999-12-31');
const clocks = fc.constantFrom('00:00:00', '00:00:00.000001', '12:30:00', '23:59:59.999999');
const moments = fc.tuple(dates, clocks).map((parts) => parts.join(' '));
const dateSpellings = fc.oneof(
  dates,
  moments,
  fc.constantFrom('2026-1-31', '20260131', '2026-01-31T12:30:00'),
);

const numbers = { constants: numerals, literal: (text: string) => text, ordered: true };
const points = { constants: dateSpellings, literal: quoted, ordered: true };
const texts = { values: letters, constants: letters, literal: quoted, ordered: false };

const COLUMNS: readonly TestColumn[] = [
  { name: 'an_int', definition: 'INT', values: integers('-1', '-2147483648'), ...numbers },
  {
    name: 'a_bigint',
    definition: 'BIGINT UNSIGNED',
    values: integers('9007199254740991', '9007199254740993', '18446744073709551615'),
    ...numbers,
  },
  { name: 'a_decimal', definition: 'DECIMAL(20,6)', values: decimals, ...numbers },
  { name: 'a_date', definition: 'DATE', values: dates, ...points },
  { name: 'a_datetime', definition: 'DATETIME(6)', values: moments, ...points },
  {
    name: 'an_enum',
    definition: "ENUM('s','M','größe') CHARACTER SET utf8mb4",
    values: fc.constantFrom('s', 'M', 'größe'),
    constants: fc.constantFrom('s', 'S', 'm', 'GRÖSSE', 'grosse', 'x'),
    literal: quoted,
    ordered: false,
  },
  ...['general', 'unicode', 'swedish', 'danish', 'german2', 'lithuanian', 'roman'].map((language) => ({
    name: `text_${language}`,
    definition: `VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_${language}_ci`,
    ...texts,
  })),
];

function testOf({ constants, ordered }: TestColumn): fc.Arbitrary<Comparison> {
  const several = fc.array(constants, { minLength: 1, maxLength: 3 });
  const tests: fc.Arbitrary<Comparison>[] = [
    constants.map((value) => ({ op: 'eq', value })),
    several.map((values) => ({ op: 'in', values })),
    several.map((values) => ({ op: 'not', values })),
    fc.constantFrom<Comparison>({ op: 'null' }, { op: 'not-null' }),
  ];
  if (ordered) {
    tests.push(
      fc
        .tuple(fc.constantFrom(...BOUNDS), constants)
        .map(([bound, text]): Comparison => ({ op: 'range', [bound]: text })),
    );
  }
  return fc.oneof(...tests);
}

interface SqlCondition {
  readonly image: ImageCondition;
  readonly sql: string;
}

/** One to three columns, each with a test, and the same in SQL. */
function conditionsOn(columns: readonly TestColumn[]): fc.Arbitrary<SqlCondition> {
  const part = fc
    .constantFrom(...columns)
    .chain((column) => testOf(column).map((test) => ({ column, test })));
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({
    image: parts.map(({ column, test }) => ({ column: column.name, tests: [test] })),
    sql: parts.map(({ column, test }) => `(${sqlOf(column, test)})`).join(' AND '),
  }));
}

function sqlOf({ name, literal }: TestColumn, test: Comparison): string {
  const column = escapeId(name);
  // Not IN: MySQL 9.7 says that 18446744073709551615 is IN (0.25, -1), though it is equal to neither.
  const anyOf = (values: readonly string[]): string =>
    values.map((value) => `${column} = ${literal(value)}`).join(' OR ');
  switch (test.op) {
    case 'null':
      return `${column} IS NULL`;
    case 'not-null':
      return `${column} IS NOT NULL`;
    case 'eq':
      return `${column} = ${literal(test.value)}`;
    case 'in':
      return anyOf(test.values);
    case 'not':
      return `${column} IS NULL OR NOT (${anyOf(test.values)})`;
    case 'range':
      return BOUNDS.flatMap((bound) => {
        const text = test[bound];
        return text === undefined ? [] : [`${column} ${SQL_OPERATORS[bound]} ${literal(text)}`];
      }).join(' AND ');
  }
}

describe.each(inject('servers').mysql)('conditions and WHERE on $label', (server) => {
  const names = ['n', ...COLUMNS.map(({ name }) => name)];
  let db: TestDatabase;
  let app: Connection;
  let client: ReturnType<typeof createSqlClient>;
  let changes: readonly RowChange[];

  beforeAll(async () => {
    db = await createDatabase(server);
    const account = rootCredentials(server);
    client = createSqlClient(
      { ...account, sslMode: 'disabled', connectTimeout: 10_000 },
      { name: 'conditions', queryTimeout: 10_000 },
    );
    app = await createConnection({ ...account, database: db.name, charset: 'utf8mb4' });
    const definitions = COLUMNS.map(({ name, definition }) => `${name} ${definition}`);
    await app.query(`CREATE TABLE tested (n INT PRIMARY KEY, ${definitions.join(', ')})`);
    const from = await place();
    const values = COLUMNS.map((column) => fc.option(column.values, { freq: 6 }));
    for (const [n, row] of fc.sample(fc.tuple(...values), { seed: SEED, numRuns: ROWS }).entries()) {
      await app.query(`INSERT INTO tested VALUES (?${', ?'.repeat(COLUMNS.length)})`, [n, ...row]);
    }
    const to = await place();
    const ref = { schema: db.name, table: 'tested' };
    const part = { file: from.file, from: from.offset, to: to.offset };
    const decoded = await decodeOurs(server, client, part, ref, names);
    changes = decoded.map(({ after }) => ({
      op: 'insert',
      table: ref,
      after: names.map((name) => columnValue(after?.[name])),
    }));
  });

  afterAll(async () => {
    await app?.end();
    await client?.close();
    await db?.drop();
  });

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

  async function selected(sql: string): Promise<readonly number[]> {
    const rows = await select(`SELECT n FROM tested WHERE ${sql} ORDER BY n`);
    return rows.map(({ n }) => Number(n));
  }

  function passing(image: ImageCondition): readonly number[] {
    const passes = compileCondition({ image }, names);
    return changes.flatMap((change, n) => (passes(change) ? [n] : []));
  }

  it('the binlog has all rows', () => {
    expect(changes).toHaveLength(ROWS);
  });

  it('every row that a SELECT with the same condition returns passes', async () => {
    let failing = 0;
    await fc.assert(
      fc.asyncProperty(conditionsOn(COLUMNS), async ({ image, sql }) => {
        const passed = new Set(passing(image));
        failing += ROWS - passed.size;
        expect((await selected(sql)).filter((n) => !passed.has(n))).toEqual([]);
      }),
      { seed: SEED, numRuns: CONDITIONS },
    );
    // The conditions do select.
    expect(failing).toBeGreaterThan(CONDITIONS);
  });

  it('exactly these rows pass where numbers and dates are asked for without "not"', async () => {
    const exact = COLUMNS.flatMap((column): TestColumn[] => {
      if (!column.ordered) return [];
      return [{ ...column, constants: column.literal === quoted ? fc.oneof(dates, moments) : numerals }];
    });
    await fc.assert(
      fc.asyncProperty(
        conditionsOn(exact).filter(({ image }) => image.every(({ tests }) => tests[0]?.op !== 'not')),
        async ({ image, sql }) => {
          expect(passing(image)).toEqual(await selected(sql));
        },
      ),
      { seed: SEED, numRuns: CONDITIONS },
    );
  });
});

function columnValue(value: unknown): string | number | Uint8Array | null | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof Uint8Array) return value;
  return undefined;
}
