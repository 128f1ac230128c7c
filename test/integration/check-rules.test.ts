import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

interface Finding {
  readonly severity: string;
  readonly code?: string;
  readonly subject: string;
  readonly message: string;
  readonly fix?: string;
}

describe.each(inject('servers').mysql)('what check says of rules on $label', (server) => {
  let db: TestDatabase;

  /** Findings of `check --json` for these rules; without the one about `prefixes` and other notes unless asked for. */
  const check = async (
    rules: readonly Record<string, unknown>[],
    more: Record<string, unknown> = {},
  ): Promise<{ readonly code: number; readonly findings: readonly Finding[] }> => {
    const file = await writeConfig({
      client_id: db.name,
      source: { url: db.url },
      state: { database: db.stateDatabase },
      redis: { url: inject('servers').redis.url },
      rules,
      ...more,
    });
    const { code, stdout, stderr } = await runCli(['check', '-c', file, '--json']);
    expect(stderr).toBe('');
    const { problems }: { problems: readonly Finding[] } = JSON.parse(stdout);
    return { code, findings: problems };
  };
  const t = (table: string): string => `${db.name}.${table}`;
  const lookupRule = (sql: string, key = 'product:{lookup.id}'): Record<string, unknown> => ({
    table: t('categories'),
    lookup: sql,
    key,
  });
  const onUsers = (where: Record<string, unknown>): Record<string, unknown> => ({
    table: t('users'),
    key: 'card:{id}',
    where,
  });
  const brief = (findings: readonly Finding[]): string[] =>
    findings.map(({ severity, code, subject }) => [severity, code, subject].filter(Boolean).join(' '));

  beforeAll(async () => {
    db = await createDatabase(server);
    for (const sql of [
      `CREATE TABLE users (id INT PRIMARY KEY, status ENUM('active', 'closed') NOT NULL, age TINYINT UNSIGNED NULL,
         name VARCHAR(10) NOT NULL, upper_name VARCHAR(10) GENERATED ALWAYS AS (UPPER(name)) STORED, born DATE NULL)`,
      'CREATE TABLE categories (id INT PRIMARY KEY, name VARCHAR(20))',
      'CREATE TABLE products (id INT PRIMARY KEY, category_id INT, maker INT, KEY (category_id))',
      'CREATE TABLE secrets (id INT PRIMARY KEY, category_id INT)',
      'CREATE TABLE digits (d INT PRIMARY KEY)',
      'INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)',
      `INSERT INTO products SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d, b.d, c.d
         FROM digits a, digits b, digits c, digits e WHERE e.d < 3`,
      'ANALYZE TABLE products',
      'CREATE VIEW product_view AS SELECT id, category_id FROM products',
      'CREATE TABLE outbox (n INT AUTO_INCREMENT PRIMARY KEY, cache_key VARCHAR(99), prefix VARCHAR(99), number INT)',
      'CREATE TABLE loose_outbox (n INT AUTO_INCREMENT PRIMARY KEY, cache_key VARCHAR(99)) ENGINE = MyISAM',
    ]) {
      await db.query(sql);
    }
  });

  afterAll(async () => {
    await db?.drop();
  });

  it('has nothing to say of a lookup that uses an index, with rows and without', async () => {
    const rule = lookupRule(`SELECT id FROM ${t('products')} WHERE category_id = :id`);
    expect(await check([rule])).toEqual({ code: 0, findings: [] });
    await db.query("INSERT INTO categories VALUES (3, 'three')");
    expect(await check([rule])).toEqual({ code: 0, findings: [] });
  });

  it('warns of a lookup that reads a whole table', async () => {
    const { code, findings } = await check([
      lookupRule(`SELECT id FROM ${t('products')} WHERE maker = :id`),
      lookupRule(
        `WITH few AS (SELECT id FROM ${t('products')} AS p WHERE p.maker = :id) SELECT id FROM few`,
        'p:{lookup.id}',
      ),
      lookupRule(`SELECT d AS id FROM ${t('digits')} WHERE d + 0 = :id`, 'd:{lookup.id}'),
    ]);
    expect(code).toBe(0);
    expect(brief(findings.filter(({ severity }) => severity !== 'info'))).toEqual([
      'warning UNSTALE_LOOKUP_SLOW rules[0]',
      'warning UNSTALE_LOOKUP_SLOW rules[1]',
    ]);
    expect(findings[0]?.message).toMatch(/reads the whole of \w+, about \d{4} rows/);
    expect(findings[1]?.message).toContain('whole of p,');
  });

  it('refuses a lookup that the server refuses, and one without a column that its key needs', async () => {
    const { code, findings } = await check([
      lookupRule(`SELECT id FROM ${t('products')} WHERE nonsense = :id`),
      lookupRule(`SELECT id FROM ${t('products')} WHERE = :id`),
      lookupRule(
        `SELECT id AS product_id FROM ${t('products')} WHERE category_id = :id`,
        'p:{lookup.product_di}',
      ),
      lookupRule('SELECT id FROM products WHERE category_id = :id', 'q:{lookup.id}'),
    ]);
    expect(code).toBe(4);
    const errors = findings.filter(({ severity }) => severity === 'error');
    expect(brief(errors)).toEqual([0, 1, 2, 3].map((n) => `error UNSTALE_LOOKUP_REFUSED rules[${n}]`));
    const [unknown, syntax, column, schema] = errors.map(({ message }) => message);
    expect(unknown).toContain("'nonsense'");
    expect(syntax).toContain('syntax');
    expect(column).toContain('has no column product_di. Did you mean product_id?');
    expect(schema).toContain('No database selected');
  });

  it('prints the GRANT for a table that the account may not read', async () => {
    const user = `${db.name}few`;
    await db.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
    await db.query(`GRANT SELECT ON ${t('products')} TO '${user}'@'%'`);
    const lookups = { url: db.url.replace(/\/\/.*@/, `//${user}:pw@`) };
    const rules = [
      lookupRule(
        `SELECT s.id FROM ${t('secrets')} AS s JOIN ${t('products')} AS p USING (id) WHERE s.category_id = :id`,
      ),
    ];
    const { code, findings } = await check(rules, { lookups });
    expect(code).toBe(4);
    expect(brief(findings)).toEqual(['error UNSTALE_PRIVILEGE_MISSING rules[0]']);
    expect(findings[0]?.fix).toBe(`GRANT SELECT ON \`${db.name}\`.\`secrets\` TO '${user}'@'%'`);
    await db.query(findings[0]?.fix ?? '');
    expect((await check(rules, { lookups })).code).toBe(0);
    await db.query(`DROP USER '${user}'@'%'`);
  });

  it('says so when the plan of a lookup cannot be seen, or its server cannot be asked', async () => {
    const user = `${db.name}view`;
    await db.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'pw'`);
    await db.query(`GRANT SELECT ON ${t('product_view')} TO '${user}'@'%'`);
    const rules = [lookupRule(`SELECT id FROM ${t('product_view')} WHERE category_id = :id`)];
    const url = db.url.replace(/\/\/.*@/, `//${user}:pw@`);
    const { code, findings } = await check(rules, { lookups: { url } });
    expect({ code, findings: brief(findings) }).toEqual({ code: 0, findings: ['info rules[0]'] });
    await db.query(`DROP USER '${user}'@'%'`);
    const away = await check(rules, {
      source: { url: db.url, barrier: 'none' },
      lookups: { url: 'mysql://u@127.0.0.1:1', connect_timeout: '1s' },
    });
    expect({ code: away.code, findings: brief(away.findings) }).toEqual({
      code: 4,
      findings: ['error UNSTALE_MYSQL_UNREACHABLE lookups'],
    });
  });

  it('finds conditions that the types of columns decide', async () => {
    const { code, findings } = await check([
      onUsers({ status: 'actve' }),
      onUsers({ age: 300 }),
      onUsers({ name: null }),
      onUsers({ name: 'longer than the column' }),
      onUsers({ born: '2026-02-30' }),
      onUsers({ status: ['active', 'trial'] }),
      onUsers({ age: { gte: 18 } }),
    ]);
    expect(code).toBe(0);
    const idle = findings.filter((finding) => finding.code === 'UNSTALE_RULE_IDLE');
    expect(idle.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringMatching(
        /^warning rules\[0\] never reacts .*ENUM\('active','closed'\), and actve .*of which active is the nearest/,
      ),
      expect.stringMatching(/^warning rules\[1\] never reacts .* 300 is outside of its range/),
      expect.stringMatching(/^warning rules\[2\] never reacts .*NOT NULL/),
      expect.stringMatching(/^warning rules\[3\] never reacts .*is longer/),
      expect.stringMatching(/^warning rules\[4\] never reacts .*calendar/),
      expect.stringMatching(/^info rules\[5\]: a value .*trial is none of its values/),
    ]);
  });

  it('notes generated columns and primary keys in when, and keys that may be the same', async () => {
    const { findings } = await check([
      { table: t('users'), key: 'a:{id}', when: { changed: ['upper_name', 'id'] } },
      { table: t('users'), keys: ['user:{id}', 'tag:{name}'] },
      { table: t('users'), keys: ['user:by-name:{name}', 'tag:all:{id}'] },
    ]);
    expect(brief(findings)).toEqual([
      `info ${t('users')}.upper_name`,
      `info ${t('users')}.id`,
      'info rules[1] rules[2]',
    ]);
    expect(findings[2]?.message).toContain(
      'rules[1] tag:{name} and rules[2] tag:all:{id} may give the same key',
    );
  });

  it('names a rule whose keys another one gives as well', async () => {
    const { findings } = await check([
      { table: t('users'), keys: ['user:{id}', 'name:{name}'] },
      { table: t('users'), key: 'user:{id}', on: ['update'] },
    ]);
    expect(brief(findings)).toEqual(['warning UNSTALE_RULE_REDUNDANT rules[1]']);
  });

  it('names rules that give the same keys versions of different columns', async () => {
    const versioned = (table: string, key: string, column: string): Record<string, unknown> => ({
      table: t(table),
      key,
      guard: 'version',
      version: { column },
    });
    const { code, findings } = await check([
      versioned('products', 'product:{id}', 'maker'),
      versioned('categories', 'product:{name}', 'id'),
      versioned('products', 'maker:{maker}', 'maker'),
    ]);
    const told = findings.filter((one) => one.code === 'UNSTALE_VERSION_SOURCES');
    expect(code).toBe(0);
    expect(brief(told)).toEqual(['warning UNSTALE_VERSION_SOURCES rules[0] rules[1]']);
    expect(told[0]?.message).toContain(`${t('products')}.maker and ${t('categories')}.id`);
  });

  it('looks at the columns and the engine of an outbox', async () => {
    const { code, findings } = await check([
      { outbox: t('outbox'), key_column: 'cache_key', prefix_column: 'prefix', prefixes: ['page:'] },
      { outbox: t('outbox'), key_column: 'number', prefixes: ['item:'] },
      { outbox: t('loose_outbox'), key_column: 'cache_key' },
    ]);
    expect(code).toBe(0);
    expect(brief(findings).toSorted()).toEqual(
      [
        `info ${t('outbox')}`,
        `info ${t('outbox')}`,
        'info rules[2]',
        `warning UNSTALE_COLUMN_TYPE ${t('outbox')}.number`,
        `warning UNSTALE_OUTBOX_ENGINE ${t('loose_outbox')}`,
      ].toSorted(),
    );
    for (const { fix } of findings) if (fix !== undefined) await db.query(fix);
  });

  it('prints notes after warnings, and counts them', async () => {
    const file = await writeConfig({
      client_id: db.name,
      source: { url: db.url },
      state: { database: db.stateDatabase },
      redis: { url: inject('servers').redis.url },
      rules: [onUsers({ status: 'actve' }), { table: t('users'), key: 'b:{id}', when: { changed: ['id'] } }],
    });
    const { stdout } = await runCli(['check', '-c', file]);
    expect(stdout).toMatch(
      /warning {2}UNSTALE_RULE_IDLE[\s\S]*\ninfo {2}\S+users\.id\n[\s\S]*0 errors, 1 warning, 1 note\./,
    );
  });
});
