import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { anyMysql } from '../support/mysql-servers.ts';

/** What `explain --key --json` says of one origin, as far as tests look at it. */
interface FoundOrigin {
  readonly candidates: readonly (readonly { readonly values: readonly string[] }[])[];
  readonly found: readonly {
    readonly sql?: string;
    readonly rows: readonly { readonly row: Readonly<Record<string, unknown>> }[];
  }[];
}

/** The same of one row of `explain --where --json`. */
interface WhereRow {
  readonly row: Readonly<Record<string, unknown>>;
  readonly lookups: readonly { readonly commands: readonly { readonly key: string }[] }[];
}

describe.each(anyMysql())('explain on $label', (server) => {
  let db: TestDatabase;
  let file: string;

  const rules = (): Record<string, unknown>[] => [
    { table: `${db.name}.users`, keys: ['user:{id}', 'user:by-email:{email|trim|lower}'] },
    {
      table: `${db.name}.users`,
      key: 'card:{id}',
      when: { changed: ['email'] },
      where: { status: 'active' },
    },
    {
      table: `${db.name}.categories`,
      lookup: `SELECT id FROM ${db.name}.products WHERE category_id = :id`,
      key: 'product:{lookup.ID}',
      max_keys: 2,
    },
    { table: `${db.name}.categories`, keys_from_set: 'deps:{id}' },
    { table: `${db.name}.prices`, key: 'price:{region}:{SKU}', generation: 'gen:prices' },
    { table: `${db.name}.prices_*`, key: 'archive:{table}:{sku}' },
    { table: `${db.name}.tokens`, keys: ['token:{id|uuid}', 'hash:{id|sha256}', 'day:{seen|date:%Y-%m-%d}'] },
    { outbox: `${db.name}.outbox`, key_column: 'cache_key', prefix_column: 'prefix', prefixes: ['page:'] },
    {
      table: `${db.name}.offers`,
      key: 'offer:{id}',
      action: 'update',
      version: { column: 'changed_at' },
      ttl: '1h',
      ttl_jitter: '25%',
      create: true,
      where: { open: 1 },
      value: {
        format: 'json',
        columns: [
          'id',
          { column: 'price', format: 'number' },
          { column: 'changed_at', as: 'at', format: 'utc' },
          { column: 'image', format: 'base64' },
          'kind',
        ],
      },
    },
  ];

  const config = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
    client_id: db.name,
    source: { url: db.url },
    state: { database: db.stateDatabase },
    redis: { url: 'redis://127.0.0.1:1' },
    rules: rules(),
    ...more,
  });

  const explain = (...args: string[]): Promise<CliResult> => runCli(['explain', '-c', file, ...args]);
  const where = (table: string, condition: string, ...args: string[]): Promise<CliResult> =>
    explain('--table', `${db.name}.${table}`, '--where', condition, ...args);
  const found = async (key: string): Promise<FoundOrigin[]> => {
    const { stdout, stderr } = await explain('--key', key, '--json');
    expect(stderr).toBe('');
    const { origins }: { origins: FoundOrigin[] } = JSON.parse(stdout);
    return origins;
  };

  beforeAll(async () => {
    db = await createDatabase(server);
    for (const sql of [
      `CREATE TABLE users (id BIGINT UNSIGNED PRIMARY KEY, email VARCHAR(60), status ENUM('active', 'closed') NOT NULL)`,
      `INSERT INTO users VALUES (7, ' Ann@X ', 'active'), (8, 'bob@x', 'closed'), (9, NULL, 'active'),
         (18446744073709551615, 'big@x', 'active')`,
      'CREATE TABLE categories (id INT PRIMARY KEY, name VARCHAR(20))',
      "INSERT INTO categories VALUES (1, 'one'), (2, 'two'), (3, 'three')",
      'CREATE TABLE products (id INT PRIMARY KEY, category_id INT, KEY (category_id))',
      'INSERT INTO products VALUES (10, 1), (11, 1), (20, 2), (21, 2), (22, 2)',
      'CREATE TABLE prices (region VARCHAR(20), sku VARCHAR(20), PRIMARY KEY (region, sku))',
      "INSERT INTO prices VALUES ('eu', 'a:b'), ('eu:a', 'b'), ('EU', 'x')",
      'CREATE TABLE prices_2025 (sku VARCHAR(20) PRIMARY KEY)',
      'CREATE TABLE prices_2026 (sku VARCHAR(20) PRIMARY KEY)',
      "INSERT INTO prices_2026 VALUES ('a')",
      'CREATE TABLE tokens (id BINARY(16) PRIMARY KEY, seen TIMESTAMP NULL)',
      "INSERT INTO tokens VALUES (X'6CCD780CBABA1026956400500049E2E4', '2026-11-24 10:00:00')",
      'CREATE TABLE outbox (n INT AUTO_INCREMENT PRIMARY KEY, cache_key VARCHAR(99), prefix VARCHAR(99))',
      `CREATE TABLE offers (id BIGINT UNSIGNED PRIMARY KEY, price DECIMAL(20,4), open BOOLEAN NOT NULL, changed_at DATETIME(6) NOT NULL,
         image VARBINARY(9) NOT NULL, kind ENUM('used', 'new') NOT NULL)`,
      `INSERT INTO offers VALUES (18446744073709551615, '1234567890123456.7890', TRUE, '2026-11-24 10:00:00.5', X'00FF', 'new'),
         (2, NULL, FALSE, '2026-11-24 10:00:00', X'', 'used')`,
      "INSERT INTO outbox (cache_key, prefix) VALUES ('page:1', NULL), (NULL, 'list:*')",
    ]) {
      await db.query(sql);
    }
    file = await writeConfig(config());
  });

  afterAll(async () => {
    await db?.drop();
  });

  it('shows what each rule gives for rows of the source, and why it does not react', async () => {
    const { code, stdout } = await where('users', 'id IN (7, 8, 9)');
    expect(code).toBe(0);
    const [head, ann, bob, none] = stdout.trim().split('\n\n');
    expect(head).toContain('3 rows');
    expect(ann).toBe(
      [
        'id=7 email=" Ann@X " status="active"',
        '  user:7    (rules[0] user:{id})',
        '  user:by-email:ann@x    (rules[0] user:by-email:{email|trim|lower})',
        '  card:7    (rules[1] card:{id}; insert, delete, update if it changes email)',
      ].join('\n'),
    );
    expect(bob).toContain('nothing    (rules[1] card:{id}; insert, delete: status is "closed", not active)');
    expect(bob).toContain(
      'card:8    (rules[1] card:{id}; update if it changes email and the new row satisfies where)',
    );
    expect(none).toMatch(/nothing {4}\(rules\[0\] user:by-email:.*email is NULL/);
  });

  it('runs lookups, up to max_keys', async () => {
    const { stdout } = await where('categories', 'TRUE', '--json');
    const { rows }: { rows: WhereRow[] } = JSON.parse(stdout);
    const lookups = Object.fromEntries(rows.map(({ row, lookups: [first] }) => [String(row['id']), first]));
    expect(lookups['1']).toMatchObject({ result: 'ok', parameters: { id: 1 } });
    expect(lookups['1']?.commands.map(({ key }) => key)).toEqual(['product:10', 'product:11']);
    expect(lookups['2']).toMatchObject({
      result: 'overflow',
      commands: [{ kind: 'scope', pattern: 'product:*' }],
    });
    expect(lookups['3']).toMatchObject({ result: 'ok', commands: [] });
    const { stdout: text } = await where('categories', 'id < 3');
    expect(text).toContain('  product:10    (rules[2] product:{lookup.ID}; lookup with id=1)');
    expect(text).toContain(
      '  product:*    (rules[2] product:{lookup.ID}; lookup with id=2: more rows than max_keys)',
    );
    expect(text).toContain('  the keys in the set deps:1    (rules[3] deps:{id})');
  });

  it('shows what rows of an outbox name', async () => {
    const { stdout } = await where('outbox', 'TRUE');
    expect(stdout).toContain('  page:1    (rules[7] {cache_key}; insert, update)');
    expect(stdout).toContain(String.raw`  list:\**    (rules[7] {prefix}; insert, update: the whole scope)`);
  });

  it('shows the values of rows that a rule stores, and why one is not stored', async () => {
    const { stdout } = await where('offers', 'TRUE');
    const value =
      '{"id":"18446744073709551615","price":1234567890123456.7890,"at":"2026-11-24T10:00:00.500000Z","image":"AP8=","kind":"new"}';
    expect(stdout).toContain('removes or stores');
    expect(stdout).toContain(
      `  offer:18446744073709551615 = ${value}    (rules[8] offer:{id}; insert: stored, version 2026-11-24 10:00:00.500000, ttl 1h less up to 25%, cached or not)`,
    );
    expect(stdout).toContain(
      '  offer:18446744073709551615 = its new values    (rules[8] offer:{id}; update:',
    );
    expect(stdout).toContain('  nothing    (rules[8] offer:{id}; insert, delete: open is 0, not 1)');
    const { stdout: json } = await where('offers', 'open', '--json');
    expect(JSON.parse(json)).toMatchObject({
      rows: [
        { rules: [{ outcomes: [{ op: 'insert', keys: [], stored: [{ value, create: true }] }, {}, {}] }] },
      ],
    });
    const { stdout: byKey } = await explain('--key', 'offer:2');
    expect(byKey).toContain(
      `rules[8] offer:{id} on ${db.name}.offers: stored at insert, update; removed at delete`,
    );
    expect(byKey).toContain('version changed_at, ttl 1h less up to 25%, cached or not. Where the known');
  });

  it('shows the values of a given change, and what the key loses by it', async () => {
    const row = { id: 2, price: '5', open: 1, changed_at: '2026-11-24 10:00:00', image: '', kind: 'used' };
    const change = { table: `${db.name}.offers`, before: row, after: { ...row, id: 3 } };
    const { stdout } = await explain('--row', JSON.stringify(change));
    expect(stdout.trim().split('\n')).toEqual([
      `update ${db.name}.offers`,
      '  offer:3 = {"id":3,"price":5,"at":"2026-11-24T10:00:00Z","image":"","kind":"used"}    (rules[8] offer:{id}: stored, version 2026-11-24 10:00:00, ttl 1h less up to 25%, cached or not)',
      '  offer:2    (rules[8] offer:{id}: removed, because the row has another key now, or none)',
      'Where the known version of a key is newer, or it is cached without one, the key is removed instead.',
    ]);
    const left = { ...change, after: { ...row, open: 0 } };
    expect((await explain('--row', JSON.stringify(left))).stdout).toContain(
      '  offer:2    (rules[8] offer:{id}: removed, because open is 0, not 1)',
    );
  });

  it('stops at the limit, and says that there are more rows', async () => {
    const { stdout } = await where('users', 'TRUE', '--limit', '2');
    expect(stdout).toContain('the first 2 rows');
    expect(JSON.parse((await where('users', 'TRUE', '--limit', '9', '--json')).stdout)).toMatchObject({
      more: false,
      rows: { length: 4 },
    });
  });

  it('says what the server finds wrong with a condition', async () => {
    const refused = await where('users', 'nonsense = 1');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/the server refuses --where: .*nonsense.*\(UNSTALE_USAGE\)/);
    expect((await where('users', 'id = = 1')).code).toBe(2);
    expect((await where('nowhere', 'TRUE')).stderr).toContain('no rule is on the table');
  });

  it('gives up in time, and writes nothing', async () => {
    const slow = await where('users', 'SLEEP(20) = 0', '--timeout', '200ms');
    expect(slow.code).not.toBe(0);
    expect(slow.stderr).toMatch(/did not answer within 200 ms/);
    await db.query(
      'CREATE FUNCTION writes_something() RETURNS INT DETERMINISTIC BEGIN INSERT INTO categories VALUES (99, NULL); RETURN 1; END',
    );
    await db.query(`GRANT EXECUTE ON ${db.name}.* TO '${db.account.user}'@'%'`);
    const written = await where('users', `${db.name}.writes_something() = 1`);
    expect(written.code).toBe(2);
    expect(written.stderr).toContain('READ ONLY');
    expect(await db.query('SELECT id FROM categories WHERE id = 99')).toEqual([]);
  });

  it('traces a key to its rules and to the rows that are there', async () => {
    const { code, stdout } = await explain('--key', 'user:7');
    expect(code).toBe(0);
    expect(stdout).toContain(`rules[0] user:{id} on ${db.name}.users`);
    expect(stdout).toContain('WHERE `id` = 7\n');
    expect(stdout).toContain(`${db.name}.users: 1 row now`);
    const absent = await explain('--key', 'user:70');
    expect(absent.stdout).toContain(`${db.name}.users: no such row now`);
    const [big] = await found('user:18446744073709551615');
    expect(big?.found[0]?.rows).toHaveLength(1);
  });

  it('compares the rows with the key, whatever a collation takes as equal', async () => {
    const [byMail] = await found('user:by-email:ann@x');
    expect(byMail?.found[0]?.rows.map(({ row }) => row['id'])).toEqual([7]);
    const [wrongCase] = await found('price:EU:a:b');
    expect(wrongCase?.found[0]?.rows).toEqual([]);
    expect((await explain('--key', 'user:by-email:Ann@x')).stdout).toContain('no row gives it');
  });

  it('lists every way in which a key can be split, and the rows of each', async () => {
    const [price] = await found('price:eu:a:b');
    expect(price?.candidates.map((one) => one.map(({ values }) => values[0]))).toEqual([
      ['eu', 'a:b'],
      ['eu:a', 'b'],
    ]);
    expect(price?.found[0]?.rows.map(({ row }) => row['region']).toSorted()).toEqual(['eu', 'eu:a']);
  });

  it('takes bytes, digests and dates back to a condition', async () => {
    const [token] = await found('token:6ccd780c-baba-1026-9564-00500049e2e4');
    expect(token?.found[0]?.sql).toContain("`id` = X'6CCD780CBABA1026956400500049E2E4'");
    expect(token?.found[0]?.rows).toHaveLength(1);
    const [row] = await db.query('SELECT SHA2(id, 256) AS digest FROM tokens');
    const [hash] = await found(`hash:${String(row?.['digest'])}`);
    expect(hash?.found[0]?.rows).toHaveLength(1);
    const [day] = await found('day:2026-11-24');
    expect(day?.found[0]?.rows).toHaveLength(1);
  });

  it('finds the table of a pattern by its name in the key', async () => {
    const [archive] = await found('archive:prices_2026:a');
    expect(archive?.found).toMatchObject([
      { table: `${db.name}.prices_2026`, rows: [{ row: { sku: 'a' } }] },
    ]);
  });

  it('tells how lookups, sets, counters and outboxes may produce a key', async () => {
    const product = await found('product:10');
    expect(product[0]).toMatchObject({ kind: 'template', rule: 'rules[2]', lookup: expect.any(String) });
    const { stdout } = await explain('--key', 'product:10');
    expect(stdout).toContain("rows whose lookup gives `ID` = '10'");
    expect(stdout).toContain('rules[3] goes if a set deps:{id} holds it');
    expect((await explain('--key', 'gen:prices')).stdout).toContain(
      'the counter that is incremented where all keys',
    );
    expect((await explain('--key', 'page:9')).stdout).toMatch(/rules\[7\] a new row .* may name it/);
  });

  it('ends with 4 when no rule can produce the key', async () => {
    const other = await writeConfig(config({ rules: [{ table: `${db.name}.users`, key: 'user:{id}' }] }));
    const { code, stdout } = await runCli(['explain', '-c', other, '--key', 'product:1']);
    expect({ code, stdout }).toEqual({ code: 4, stdout: 'product:1: no rule can produce it\n' });
    const json = await runCli(['explain', '-c', other, '--key', 'product:1', '--json']);
    expect({ code: json.code, json: JSON.parse(json.stdout) }).toEqual({
      code: 4,
      json: { key: 'product:1', origins: [] },
    });
  });

  it('needs no source to name rules and conditions', async () => {
    const away = await writeConfig(
      config({ source: { url: 'mysql://u@127.0.0.1:1', connect_timeout: '1s' } }),
    );
    const asked = await runCli(['explain', '-c', away, '--key', 'user:7']);
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining('the source was not asked: ') });
    const silent = await runCli(['explain', '-c', away, '--key', 'user:7', '--no-source']);
    expect(silent.stdout).toContain("rows with `id` = '7'");
    expect(silent.stdout).not.toContain('not asked');
  });
});

describe('explain', () => {
  it('takes one question at a time', async () => {
    for (const args of [
      ['--table', 'a.b'],
      ['--where', 'TRUE'],
      ['--key', 'a', '--row', '{}'],
    ]) {
      expect((await runCli(['explain', ...args])).code).toBe(2);
    }
  });
});
