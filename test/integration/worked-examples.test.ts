import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { workedExamples } from '../support/worked-examples.ts';
import type { WorkedExample } from '../support/worked-examples.ts';

const markdown = await readFile(new URL('../../docs/mapping.md', import.meta.url), 'utf8');
const written = workedExamples(markdown);
const names = written.map(({ name }) => name);

/** In the docs the schema is shop, and those of tenants begin with tenant_. */
function named<T>(value: T, schema: string): T {
  const text = JSON.stringify(value)
    .replaceAll(/\bshop\./g, `${schema}.`)
    .replaceAll('tenant_', `${schema}tenant_`);
  return JSON.parse(text);
}

/** Every key that the example names. */
function keysOf({ steps }: WorkedExample): string[] {
  return steps.flatMap(({ deleted, kept, incremented }) => [...deleted, ...kept, ...incremented]);
}

describe('docs/mapping.md', () => {
  it('has a worked example for each of twelve needs, and no table in two of them', () => {
    expect(names).toHaveLength(12);
    const tables = written.flatMap(({ rules }) => [
      ...new Set(rules.map((rule) => rule['table'] ?? rule['outbox'])),
    ]);
    expect(new Set(tables).size).toBe(tables.length);
  });
});

describe.each(inject('servers').mysql)('the worked examples on $label', (server) => {
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;
  let config: Record<string, unknown>;
  let examples: readonly WorkedExample[];
  const tenants: string[] = [];

  const run = async (statements: readonly string[]): Promise<void> => {
    const session = await shop.db.pool.getConnection();
    try {
      for (const statement of statements) {
        const [, schema] = /^CREATE DATABASE (\w+)/.exec(statement) ?? [];
        if (schema !== undefined) tenants.push(schema);
        await session.query(statement);
      }
    } finally {
      session.release();
    }
  };
  /** Every key of the Redis, with the value of counters. */
  const cached = async (): Promise<Map<string, string>> => {
    const keys = await shop.redis.keys('*');
    const counters = examples.flatMap(({ steps }) => steps.flatMap(({ incremented }) => incremented));
    const values = await Promise.all(
      keys.map(async (key) => [key, counters.includes(key) ? await shop.redis.get(key) : 'cached'] as const),
    );
    return new Map(values.map(([key, value]) => [key, value ?? '']));
  };

  beforeAll(async () => {
    redis = await startRedisServer();
    shop = await openShop(server, redis.url);
    const { name, account } = shop.db;
    examples = named(written, name);
    await shop.db.query(`GRANT SELECT ON \`${name}tenant\\_%\`.* TO '${account.user}'@'%'`);
    // The examples make tables of the same names.
    await shop.db.query('DROP TABLE profiles, users');
    for (const { setup } of examples) await run(setup);
    const fence = { table: `${name}.fence`, key: shop.key('fence:{id}') };
    config = shop.config({ rest: { rules: [fence, ...examples.flatMap(({ rules }) => rules)] } });
    daemon = await startDaemon(config);
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    for (const schema of tenants) await shop.db.query(`DROP DATABASE IF EXISTS ${schema}`);
    await shop?.close();
    await redis?.destroy();
  });

  it('are fine with check', async () => {
    const checked = await runCli(['check', '-c', await writeConfig(config)]);
    expect(checked.stdout).toContain('Redis: ok');
    expect(checked.code, checked.stdout).toBe(0);
  });

  it.each(names)('%s: exactly the named keys go', async (name) => {
    const example = examples.find((candidate) => candidate.name === name)!;
    await shop.redis.flushdb();
    for (const { statements, deleted, kept, incremented } of example.steps) {
      for (const [command = '', ...args] of example.redis) await shop.redis.call(command, ...args);
      // Keys of all examples: a rule must not reach into another's.
      for (const key of examples.flatMap(keysOf)) await shop.redis.set(key, 'cached', 'NX');
      const before = await cached();
      for (const key of [...deleted, ...kept, ...incremented]) expect(before.has(key), key).toBe(true);

      await run(statements);
      await shop.settled();

      const after = await cached();
      const gone = [...before.keys()].filter((key) => !after.has(key));
      expect(gone.toSorted()).toEqual([...deleted].toSorted());
      const changed = [...after].filter(([key, value]) => before.get(key) !== value);
      expect(changed).toEqual(incremented.map((key) => [key, String(Number(before.get(key)) + 1)]));
    }
  });
});
