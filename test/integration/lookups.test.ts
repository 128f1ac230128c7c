import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CacheCommand, LookupRequest } from '../../src/change/command.ts';
import { MysqlLookups } from '../../src/lookup/mysql-lookups.ts';
import type { Lookup } from '../../src/mapping/plan.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient } from '../../src/runtime/mysql-client.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

/** Column definition, and SQL values with the text that the binlog's value has in a key. */
const TYPES: Readonly<
  Record<string, readonly [definition: string, values: Readonly<Record<string, string>>]>
> = {
  tiny: ['TINYINT', { '-128': '-128' }],
  flag: ['BOOL', { TRUE: '1' }],
  big: ['BIGINT', { '-9223372036854775808': '-9223372036854775808', '9007199254740993': '9007199254740993' }],
  ubig: ['BIGINT UNSIGNED', { '18446744073709551615': '18446744073709551615' }],
  price: ['DECIMAL(20,6)', { '0.5': '0.500000', '-0.000001': '-0.000001' }],
  utf8: [
    'VARCHAR(40) CHARACTER SET utf8mb4',
    { "'Grüße 日本 🎉'": 'Grüße 日本 🎉', "' spaced '": ' spaced ' },
  ],
  latin: ['VARCHAR(40) CHARACTER SET latin1', { "'Grüße €'": 'Grüße €' }],
  fixed: ['CHAR(10)', { "'ab   '": 'ab' }],
  size: ["ENUM('s','x,l')", { "'x,l'": 'x,l' }],
  tags: ["SET('a','b','c')", { "'c,a'": 'a,c' }],
  day: ['DATE', { "'2024-02-29'": '2024-02-29' }],
  micro: ['DATETIME(6)', { "'2024-12-31 23:59:59'": '2024-12-31 23:59:59.000000' }],
  stamp: ['TIMESTAMP NULL', { "'2024-06-30 12:00:00'": '2024-06-30 12:00:00' }],
  hour: ['TIME', { "'-838:59:59'": '-838:59:59' }],
  year_of: ['YEAR', { '2155': '2155' }],
};

describe.each(inject('servers').mysql)('lookups on $label', (server) => {
  let db: TestDatabase;
  let client: SqlClient;

  const connect = (port?: number): SqlClient => {
    const url = new URL(db.url);
    return createSqlClient(
      {
        host: url.hostname,
        port: port ?? Number(url.port),
        user: decodeURIComponent(url.username),
        password: decodeURIComponent(url.password),
        sslMode: 'disabled',
        connectTimeout: 5000,
      },
      { name: 'lookup', queryTimeout: 30_000, maxConnections: 4 },
    );
  };

  beforeAll(async () => {
    db = await createDatabase(server);
    client = connect();
    await db.query(
      'CREATE TABLE products (id BIGINT PRIMARY KEY, category INT, code VARBINARY(8), name VARCHAR(20))',
    );
    await db.query(
      `INSERT INTO products VALUES (1, 7, X'00FF', 'a?b'), (2, 7, X'01', 'b'), (3, 8, X'02', 'c'), (9007199254740993, 9, NULL, 'd'), (9007199254740992, 9, NULL, 'e')`,
    );
    await db.query('CREATE TABLE digits (d INT)');
    await db.query(`INSERT INTO digits VALUES ${Array.from({ length: 100 }, (_, d) => `(${d})`).join()}`);
  });

  afterAll(async () => {
    await client.close();
    await db.drop();
  });

  const fallback: CacheCommand = {
    kind: 'scope',
    pattern: 'p:*',
    members: false,
    reason: 'limit',
    rule: 'rules[0]',
  };

  /** Runs requests of one lookup; the keys in order, results, and log lines. */
  const run = async (
    sql: string,
    parameters: readonly LookupRequest['parameters'][],
    more: Partial<Lookup> & { readonly client?: SqlClient } = {},
  ) => {
    const results: string[] = [];
    const lines: string[] = [];
    let retries = 0;
    const runner = new MysqlLookups({
      client: more.client ?? client,
      lookups: [
        {
          rule: 'rules[0]',
          sql: sql.replaceAll('{db}', db.name),
          columns: ['id'],
          maxKeys: 10,
          timeout: 5000,
          cache: 0,
          commandsOf: (rows, out) => {
            for (const row of rows) {
              const key = row
                .map((value) => (value instanceof Uint8Array ? 'bytes' : String(value)))
                .join('/');
              out.push({ kind: 'delete', key: `p:${key}`, rule: 'rules[0]' });
            }
          },
          fallback: [fallback],
          ...more,
        },
      ],
      retryDelay: () => {
        retries += 1;
        return Promise.resolve();
      },
      now: () => performance.now(),
      log: {
        debug() {},
        info() {},
        warn: (_fields, message) => lines.push(message),
        error: (fields, message) => {
          const err = 'err' in fields && fields.err instanceof Error ? fields.err.message : '';
          lines.push(`${message} ${err}`);
        },
      },
      onResult: (result) => results.push(result),
    });
    const ask = async (): Promise<readonly string[]> => {
      const commands: CacheCommand[] = [];
      const requests = parameters.map((values) => ({ lookup: 0, parameters: values }));
      for await (const part of runner.resolve(requests, new AbortController().signal)) commands.push(...part);
      return commands.map((c) => (c.kind === 'scope' ? c.pattern : c.key)).toSorted();
    };
    return { keys: await ask(), ask, results, lines, retries: () => retries };
  };

  const BY_CATEGORY = 'SELECT id FROM {db}.products WHERE category = ?';

  it('gives the keys of the rows, and asks the same question once', async () => {
    const { keys, results } = await run(BY_CATEGORY, [[7], [8], [7]]);
    expect(keys).toEqual(['p:1', 'p:2', 'p:3']);
    expect(results).toEqual(['ok', 'ok']);
  });

  it.each([
    ['WITH', 'WITH c AS (SELECT id FROM {db}.products WHERE category = ?) SELECT id FROM c'],
    ['UNION', 'SELECT id FROM {db}.products WHERE category = ? UNION SELECT 2'],
    ['ORDER BY and LIMIT', 'SELECT id FROM {db}.products WHERE category = ? ORDER BY id DESC LIMIT 5'],
    ['a comment at its end', 'SELECT id FROM {db}.products WHERE category = ? -- all of them'],
  ])('takes a statement with %s', async (_what, sql) => {
    expect((await run(sql, [[7]])).keys).toEqual(['p:1', 'p:2']);
  });

  it('compares large integers exactly, and bytes as bytes', async () => {
    const byId = await run('SELECT name AS id FROM {db}.products WHERE id = ?', [['9007199254740993']]);
    expect(byId.keys).toEqual(['p:d']);
    const byCode = await run('SELECT id FROM {db}.products WHERE code = ?', [[Uint8Array.of(0, 255)]]);
    expect(byCode.keys).toEqual(['p:1']);
  });

  it.each(Object.entries(TYPES))(
    'gives a value of type %s as the binlog does',
    async (name, [definition, values]) => {
      await db.query(`CREATE TABLE t_${name} (n INT PRIMARY KEY, v ${definition})`);
      for (const [n, sql] of Object.keys(values).entries()) {
        await db.query(`INSERT INTO t_${name} VALUES (${n}, ${sql})`);
      }
      const { keys, lines } = await run(`SELECT v AS id FROM {db}.t_${name} WHERE n >= ?`, [[0]]);
      expect(lines).toEqual([]);
      expect(keys).toEqual(
        Object.values(values)
          .map((text) => `p:${text}`)
          .toSorted(),
      );
    },
  );

  it('gives bytes as bytes', async () => {
    expect((await run("SELECT CAST('a' AS BINARY) AS id, ? AS n", [[1]])).keys).toEqual(['p:bytes']);
  });

  it('widens a result with more rows than allowed, whatever LIMIT the statement has, and says so once', async () => {
    const { keys, ask, results, lines } = await run('SELECT d AS id FROM {db}.digits WHERE d >= ? LIMIT 90', [
      [0],
    ]);
    expect([keys, await ask()]).toEqual([['p:*'], ['p:*']]);
    expect(results).toEqual(['overflow', 'overflow']);
    expect(lines).toHaveLength(1);
    const exact = await run('SELECT d AS id FROM {db}.digits WHERE d < ?', [[10]]);
    expect(exact.keys).toHaveLength(10);
  });

  it.each([
    ['an unknown table', 'SELECT id FROM {db}.missing WHERE id = ?', /missing/],
    ['an unknown column', 'SELECT name FROM {db}.products WHERE id = ?', /id/],
    ['no right', 'SELECT user AS id FROM mysql.user WHERE user = ?', /denied/],
    ['bad syntax', 'SELEKT ?', /syntax/],
    ['a write', 'DELETE FROM {db}.products WHERE id = ?', /syntax/],
    [
      'a question mark that is no parameter',
      "SELECT id FROM {db}.products WHERE name = 'a?b' AND id = ?",
      /question/,
    ],
  ])('widens after %s, at once, and logs that once', async (_what, sql, message) => {
    const { keys, ask, results, lines, retries } = await run(sql, [[1], [2]]);
    expect([keys, await ask()]).toEqual([['p:*'], ['p:*']]);
    expect(new Set(results)).toEqual(new Set(['failed']));
    expect(retries()).toBe(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(message);
  });

  it('lets the server end a query that takes too long, tries three times, and widens', async () => {
    const slow =
      'SELECT COUNT(*) AS id FROM {db}.digits a, {db}.digits b, {db}.digits c, {db}.digits d, {db}.digits e WHERE a.d + b.d + c.d + d.d + e.d >= ?';
    const { keys, retries, lines } = await run(slow, [[0]], { timeout: 100 });
    expect(keys).toEqual(['p:*']);
    expect(retries()).toBe(2);
    expect(lines[0]).toMatch(/maximum statement execution time exceeded|max_statement_time exceeded/i);
  });

  it('widens when the server cannot be reached', async () => {
    const away = connect(1);
    const { keys, retries } = await run(BY_CATEGORY, [[7]], { client: away });
    await away.close();
    expect(keys).toEqual(['p:*']);
    expect(retries()).toBe(2);
  });

  it('gives a cached result while it may, and only if it may', async () => {
    const cached = await run(BY_CATEGORY, [[8]], { cache: 3_600_000 });
    const fresh = await run(BY_CATEGORY, [[8]]);
    await db.query("INSERT INTO products VALUES (4, 8, NULL, 'new')");
    expect(await cached.ask()).toEqual(['p:3']);
    expect(cached.results).toEqual(['ok', 'cached']);
    expect(await fresh.ask()).toEqual(['p:3', 'p:4']);
    await db.query('DELETE FROM products WHERE id = 4');
  });
});
