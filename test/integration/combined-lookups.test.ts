import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { CacheCommand, LookupRequest } from '../../src/change/command.ts';
import type { RowImage } from '../../src/change/row-change.ts';
import { combinedStatement } from '../../src/lookup/lookup-statement.ts';
import { MysqlLookups } from '../../src/lookup/mysql-lookups.ts';
import type { Lookup } from '../../src/mapping/plan.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import type { SqlClient } from '../../src/runtime/mysql-client.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { typedColumns } from '../support/typed-columns.ts';

const ROWS = 6;

describe.each(inject('servers').mysql)('lookups that are asked together on $label', (server) => {
  let db: TestDatabase;
  let client: SqlClient;

  beforeAll(async () => {
    db = await createDatabase(server);
    const url = new URL(db.url);
    client = createSqlClient(
      {
        host: url.hostname,
        port: Number(url.port),
        user: decodeURIComponent(url.username),
        password: decodeURIComponent(url.password),
        sslMode: 'disabled',
        connectTimeout: 5000,
      },
      { name: 'lookup', queryTimeout: 30_000, maxConnections: 4 },
    );
    await db.query('CREATE TABLE products (id INT PRIMARY KEY, category INT, KEY (category))');
    const products = Array.from({ length: 3000 }, (_, id) => `(${id}, ${id % 1000})`);
    await db.query(`INSERT INTO products VALUES ${products.join()}`);
    await db.query('CREATE TABLE digits (d INT)');
    await db.query(`INSERT INTO digits VALUES ${Array.from({ length: 100 }, (_, d) => `(${d})`).join()}`);
  });

  afterAll(async () => {
    await client.close();
    await db.drop();
  });

  const lookupOf = (sql: string, more: Partial<Lookup> = {}): Lookup => ({
    rule: 'rules[0]',
    sql: sql.replaceAll('{db}', db.name),
    columns: ['id'],
    maxKeys: 1000,
    timeout: 5000,
    cache: 0,
    commandsOf: (rows, out) => {
      for (const [id] of rows) out.push({ kind: 'delete', key: `p:${String(id)}`, rule: 'rules[0]' });
    },
    fallback: [{ kind: 'scope', pattern: 'p:*', members: false, reason: 'limit', rule: 'rules[0]' }],
    ...more,
  });

  const runnerOf = (lookup: Lookup) => {
    const statements: string[] = [];
    const runner = new MysqlLookups({
      client: {
        query: (sql, params) => {
          statements.push(sql);
          return client.query(sql, params);
        },
        close: () => Promise.resolve(),
      },
      lookups: [lookup],
      retryDelay: () => Promise.resolve(),
      now: () => performance.now(),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      onResult() {},
    });
    const ask = async (parameters: readonly LookupRequest['parameters'][]): Promise<string[][]> => {
      const parts: string[][] = [];
      const requests = parameters.map((values) => ({ lookup: 0, parameters: values }));
      for await (const part of runner.resolve(requests, new AbortController().signal)) {
        parts.push(
          part.map((command: CacheCommand) => (command.kind === 'scope' ? command.pattern : command.key)),
        );
      }
      return parts;
    };
    return { ask, statements };
  };

  const BY_CATEGORY = 'SELECT id FROM {db}.products WHERE category = ?';
  const oneTo = (count: number): number[][] => Array.from({ length: count }, (_, no) => [no]);

  it('give what they give alone, in few statements', async () => {
    const { ask, statements } = runnerOf(lookupOf(BY_CATEGORY));
    const keys = (await ask(oneTo(1000))).flat().toSorted();
    expect(keys).toEqual(Array.from({ length: 3000 }, (_, id) => `p:${id}`).toSorted());
    expect(statements.length).toBeLessThan(100);
  });

  it('keep each result apart, so that the cache answers each of them', async () => {
    const { ask, statements } = runnerOf(lookupOf(BY_CATEGORY, { cache: 3_600_000 }));
    await ask(oneTo(20));
    const asked = statements.length;
    for (let category = 0; category < 20; category += 1) {
      const keys = [category, category + 1000, category + 2000].map((id) => `p:${id}`);
      expect((await ask([[category]])).flat()).toEqual(keys);
    }
    expect(statements).toHaveLength(asked);
  });

  it('give all their rows, in parts, however many they have', async () => {
    const sql =
      'SELECT a.d * 100 + b.d AS id FROM {db}.digits a, {db}.digits b WHERE a.d < 9 AND b.d >= ? AND b.d < ?';
    const { ask } = runnerOf(lookupOf(sql));
    const parts = await ask(Array.from({ length: 100 }, (_, no) => [-no, 100]));
    expect(parts.reduce((sum, part) => sum + part.length, 0)).toBe(100 * 900);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(10_000);
  });

  it('are not asked together where one would give the others another text', async () => {
    const lookup = lookupOf('SELECT ROUND(1.23456, ?) AS id FROM {db}.digits WHERE d = 1');
    const { ask } = runnerOf(lookup);
    expect((await ask([[1], [3]])).flat().toSorted()).toEqual(['p:1.2', 'p:1.235']);
    const together = await client.query(combinedStatement(lookup, 1, { count: 2, maxRows: 10 }), [1, 3]);
    expect(together.map(({ id }) => id)).toContain('1.200');
  });

  it('widen when one of them has more rows than allowed', async () => {
    const { ask } = runnerOf(lookupOf('SELECT d AS id FROM {db}.digits WHERE d < ?', { maxKeys: 6 }));
    expect((await ask(oneTo(7))).flat().filter((key) => key === 'p:*')).toEqual([]);
    expect((await ask(oneTo(8))).flat()).toContain('p:*');
  });

  it('widen when one of them fails, and only then', async () => {
    const sql =
      'SELECT id FROM {db}.products p WHERE id = (SELECT d FROM {db}.digits WHERE d BETWEEN 1 AND ?)';
    expect((await runnerOf(lookupOf(sql)).ask([[-1], [0], [1]])).flat()).toEqual(['p:1']);
    expect((await runnerOf(lookupOf(sql)).ask([[-1], [0], [1], [2]])).flat()).toContain('p:*');
  });

  it('are ended by the server when they take too long together', async () => {
    const slow = lookupOf(
      'SELECT COUNT(*) AS id FROM {db}.digits a, {db}.digits b, {db}.digits c, {db}.digits d, {db}.digits e WHERE a.d + b.d + c.d + d.d + e.d >= ?',
      { timeout: 100 },
    );
    await expect(client.query(combinedStatement(slow, 1, { count: 2, maxRows: 10 }), [0, 1])).rejects.toThrow(
      /maximum statement execution time exceeded|max_statement_time exceeded/i,
    );
  });

  it('give a value of every type exactly as alone', async () => {
    const columns = typedColumns(server.flavour);
    const connection = await db.pool.getConnection();
    try {
      await connection.query("SET SESSION sql_mode = ''");
      for (const { name, definition, values } of columns) {
        await connection.query(`CREATE TABLE t_${name} (n INT PRIMARY KEY, v ${definition})`);
        for (const [n, value] of fc.sample(values, { numRuns: ROWS, seed: 5 }).entries()) {
          await connection.query(`INSERT IGNORE INTO t_${name} VALUES (?, ?)`, [n, value]);
        }
      }
    } finally {
      connection.destroy();
    }
    for (const { name } of columns) {
      const found: RowImage[] = [];
      const lookup = lookupOf(`SELECT v AS id FROM {db}.t_${name} WHERE n = ?`, {
        commandsOf: (rows) => found.push(...rows),
      });
      const { ask, statements } = runnerOf(lookup);
      await ask(oneTo(ROWS));
      const together = found.splice(0);
      expect(statements).toHaveLength(1);
      for (let n = 0; n < ROWS; n += 1) await ask([[n]]);
      expect({ name, values: together }).toEqual({ name, values: found });
      expect(found).toHaveLength(ROWS);
    }
  });
});
