import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { runCli, writeConfig } from '../support/cli.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

const page = await readFile(fileURLToPath(new URL('../../docs/mapping.md', import.meta.url)), 'utf8');
const section = /\n## See it before it runs\n([\s\S]*?)(?=\n## |$)/.exec(page)?.[1] ?? '';
const examples = Array.from(
  section.matchAll(/```console\n\$ unstale (.*)\n([\s\S]*?)\n```/g),
  ([, command = '', output = '']) => [command, output] as const,
);
const rules = /```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? '';

/** As a shell splits it, without escapes. */
function split(command: string): string[] {
  return Array.from(command.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare ?? '');
}

describe.each(inject('servers').mysql)('"See it before it runs" on $label', (server) => {
  let db: TestDatabase;
  /** The documentation calls the schema shop, and estimates differ. */
  const general = (text: string): string =>
    text.replaceAll(db.name, 'shop').replaceAll(/about \d+ rows/g, 'about N rows');

  beforeAll(async () => {
    db = await createDatabase(server);
    for (const sql of [
      "CREATE TABLE users (id BIGINT UNSIGNED PRIMARY KEY, email VARCHAR(100) NOT NULL, status ENUM('active','closed') NOT NULL)",
      "INSERT INTO users VALUES (7, 'Ann@example.org', 'active'), (8, 'bob@example.org', 'closed')",
      'CREATE TABLE categories (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL)',
      "INSERT INTO categories VALUES (3, 'books')",
      `CREATE TABLE products (id INT PRIMARY KEY, category_id INT NOT NULL, name VARCHAR(20) NOT NULL,
         price DECIMAL(8,2) NOT NULL, row_version BIGINT UNSIGNED NOT NULL)`,
      `INSERT INTO products WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 999)
         SELECT i, IF(i IN (41, 57), 3, 4), IF(i = 41, 'Lamp', 'other'), 12.5, 1790000000000000 FROM n`,
      'INSERT INTO products SELECT id + 1000, 4, name, price, row_version FROM products',
      'INSERT INTO products SELECT id + 2000, 4, name, price, row_version FROM products',
      'ANALYZE TABLE products',
    ]) {
      await db.query(sql);
    }
  });

  afterAll(async () => {
    await db?.drop();
  });

  it.each(examples)('%s prints what the documentation shows', async (command, output) => {
    const text = rules.replaceAll('shop.', `${db.name}.`);
    const file = await writeConfig({
      client_id: 'shop',
      source: { url: db.url },
      state: { database: db.stateDatabase },
      redis: { url: inject('servers').redis.url },
      // The page says so of this one.
      ...parse(command === 'check' ? text.replace('status: active', 'status: actve') : text),
    });
    const args = split(command.replaceAll('shop.', `${db.name}.`));
    const { code, stdout, stderr } = await runCli([...args, '-c', file]);
    expect(stderr).toBe('');
    expect(general(stdout)).toContain(general(output));
    expect(code).toBe(output.includes('no rule can produce it') ? 4 : 0);
  });

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(4);
  });
});
