import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { runCli, writeConfig } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');

/** The first fenced block of the README that holds `needle`. */
function block(needle: string): string {
  const blocks = [...readme.matchAll(/```\w*\n([\s\S]*?)```/g)].map(([, body = '']) => body);
  const found = blocks.find((body) => body.includes(needle));
  if (found === undefined) throw new Error(`the README has no block with ${needle}`);
  return found;
}

describe.each(inject('servers').mysql)('the five-minute guide on $label', (server) => {
  let shop: Shop;
  let redis: TestRedisServer;

  beforeAll(async () => {
    redis = await startRedisServer();
    shop = await openShop(server, redis.url);
  });

  afterAll(async () => {
    await shop.db.query(`DROP USER IF EXISTS '${shop.db.name}guide'@'%'`);
    await shop.close();
    await redis.destroy();
  });

  it('grants what check and run need, no more than it prints, in MySQL and in Redis', async () => {
    const user = `${shop.db.name}guide`;
    const statements = block('CREATE USER')
      .replaceAll(/--.*$/gm, '')
      .replaceAll("'unstale'@", `'${user}'@`)
      .replaceAll('shop.*', `${shop.db.name}.*`)
      .replaceAll('unstale.*', `${shop.db.stateDatabase}.*`);
    for (const statement of statements.split(';')) {
      if (statement.trim() !== '') await shop.db.query(statement);
    }
    const acl = block('ACL SETUSER')
      .trim()
      .replace('~user:*', `~${shop.key('')}*`);
    await shop.redis.call('ACL', ...acl.split(/\s+/).slice(1));

    const mysqlUrl = new URL(shop.db.url);
    mysqlUrl.username = user;
    mysqlUrl.password = 'secret';
    const redisUrl = new URL(redis.url);
    redisUrl.username = 'unstale';
    redisUrl.password = 'secret';
    const config = shop.config({ source: { url: mysqlUrl.href }, redis: { url: redisUrl.href } });
    const checked = await runCli(['check', '-c', await writeConfig(config)]);
    expect(checked.stdout).toContain('Redis: ok');
    expect(checked.code).toBe(0);

    const daemon = await startDaemon(config);
    try {
      await daemon.ready();
      await shop.cache('user:1', 'item:1:1');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await shop.db.query('TRUNCATE TABLE order_items');
      await eventually(
        'both keys are gone',
        () => shop.cached(['user:1', 'item:1:1']),
        (left) => left.length === 0,
      );
    } finally {
      await daemon.stop();
    }
  });

  it('has a configuration and an explain call that work as printed', async () => {
    const yaml = block('client_id: shop');
    expect(parse(yaml)).toHaveProperty('rules');
    const file = await writeConfig(yaml);
    const row = /--row '(.*)'/.exec(block('unstale explain'))?.[1] ?? '';
    const explained = await runCli(['explain', '-c', file, '--row', row], {
      env: { MYSQL_PASSWORD: 'secret' },
    });
    expect(explained.code).toBe(0);
    expect(explained.stdout).toContain('user:by-email:a@x');
    expect(explained.stdout).toContain('user:by-email:b@x');
  });

  it('begins with a file that init writes from the live schema and check accepts', async () => {
    const file = await writeConfig('');
    const url = new URL(shop.db.url);
    const { password } = url;
    url.password = '';
    const env = { MYSQL_PASSWORD: decodeURIComponent(password) };
    const args = ['init', '--source', url.href, '--redis', redis.url, '-o', file, '--schema', shop.db.name];
    const refused = await runCli(args, { env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--force');
    const written = await runCli([...args, '--force'], { env });
    expect(written.stderr).toBe('');
    expect(written.code).toBe(0);
    const text = await readFile(file, 'utf8');
    expect(text).toContain(`table: ${shop.db.name}.order_items`);
    expect(text).toContain('{order_id}:{line_no}');
    expect(text).not.toContain(env.MYSQL_PASSWORD);
    const checked = await runCli(['check', '-c', file, '--set', `state.database=${shop.db.stateDatabase}`], {
      env,
    });
    expect(checked.stdout).toContain('Redis: ok');
    expect(checked.code).toBe(0);
  });
});
