import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stateDdl, STATE_VERSION } from '../../src/state/migrations.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { readRepository } from '../support/repository.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

/** What docs/errors.md tells to type, of all codes. */
const typed = [...(await readRepository('docs/errors.md')).matchAll(/^\*\*Type:\*\* .*$/gm)].flatMap(
  ([row]) => [...row.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
);
/** Statements that only look; those that change a server are left out, because other tests use it. */
const statements = [...new Set(typed.filter((text) => /^(SELECT|SHOW|EXPLAIN) /.test(text)))];
/** Such as `redis-cli INFO memory`, without a placeholder. */
const redisCommands = [
  ...new Set(
    typed.filter(
      (text) => /^redis-cli [A-Z]+( |$)/.test(text) && !/KEY|SCRIPT|SAVE|SETUSER|CLUSTER/.test(text),
    ),
  ),
];

describe.each(inject('servers').mysql)('what docs/errors.md tells to type, on $label', (server) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    await shop.db.query('CREATE TABLE products (id INT PRIMARY KEY, category_id INT)');
    await shop.db.query('CREATE TABLE orders (id INT PRIMARY KEY)');
    for (const statement of stateDdl(shop.db.stateDatabase)) await shop.db.query(statement);
  });

  afterAll(() => shop.close());

  it('runs', async () => {
    expect(statements.length).toBeGreaterThan(15);
    const failed: string[] = [];
    for (const statement of statements) {
      const mine = statement
        .replaceAll(/\bunstale\./g, `${shop.db.stateDatabase}.`)
        .replaceAll(/\bshop\b/g, shop.db.name)
        .replace("'unstale'@'%'", `'${shop.db.account.user}'@'%'`);
      try {
        await shop.db.query(mine);
      } catch (error) {
        // Each flavour has variables that the other one lacks.
        const isOfTheOther =
          server.flavour === 'mariadb'
            ? /Unknown system variable/.test(String(error))
            : statement.includes('gtid_current_pos');
        if (!isOfTheOther) failed.push(`${statement}: ${String(error)}`);
      }
    }
    expect(failed).toEqual([]);
  });
});

describe('the rollback of docs/operations.md', () => {
  it('lets a daemon start that refuses the tables of a newer version, at its position', async () => {
    const [server] = inject('servers').mysql;
    if (server === undefined) throw new Error('no MySQL or MariaDB');
    const shop = await openShop(server, inject('servers').redis.url);
    try {
      const before = await startDaemon(shop.config());
      await before.ready();
      await before.stop();
      const { stateDatabase } = shop.db;
      await shop.db.query(
        `INSERT INTO ${stateDatabase}.schema_migrations VALUES (${STATE_VERSION + 1}, NOW())`,
      );
      const refused = await startDaemon(shop.config());
      expect((await refused.exited).code).toBe(3);
      expect(refused.output()).toContain('UNSTALE_STATE_SCHEMA');

      await shop.cache('user:1');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      const [statement = ''] =
        /DELETE FROM unstale\.schema_migrations.*/.exec(await readRepository('docs/operations.md')) ?? [];
      const mine = statement.replace('unstale.', `${stateDatabase}.`).replace(/> \d+/, `> ${STATE_VERSION}`);
      await shop.db.query(mine.replace(/;$/, ''));
      const after = await startDaemon(shop.config());
      await after.ready();
      await shop.settled();
      expect(await shop.cached(['user:1'])).toEqual([]);
      await after.stop();
    } finally {
      await shop.close();
    }
  });
});

describe('what docs/errors.md tells to type, on Redis', () => {
  it.each(redisCommands)('%s', async (line) => {
    const redis = new Redis(inject('servers').redis.url);
    try {
      const [command = '', ...args] = line.split(' ').slice(1);
      await redis.call(command, ...args.map((word) => (word === 'unstale' ? 'default' : word)));
    } finally {
      redis.disconnect();
    }
  });
});
