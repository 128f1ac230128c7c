import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCli, writeConfig } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const docs = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** The commands of the line of "Rights in Redis" that begins with `what`. */
function rightsFor(what: string): string[] {
  const line = docs.split('\n').find((text) => text.startsWith(`| ${what}`) && text.includes('`+'));
  const [, , cell = ''] = line?.split(/(?<!\\)\|/) ?? [];
  const commands = cell.match(/\+\w+/g) ?? [];
  if (commands.length === 0) throw new Error(`docs/operations.md lists no right for ${what}`);
  return commands;
}

interface Use {
  readonly rule: object;
  readonly publish?: object;
  /** Which the user may publish on. */
  readonly channel?: string;
}

interface Feature {
  readonly use: (key: Shop['key']) => Use;
  /** Resolves when the daemon has done what it should with a changed row of `users`. */
  readonly happens: (shop: Shop) => Promise<void>;
}

/** By the beginning of their line. */
const FEATURES: Readonly<Record<string, Feature>> = {
  '[`keys_from_set`]': {
    use: (key) => ({ rule: { keys_from_set: key('deps:{id}') } }),
    happens: async (shop) => {
      await shop.redis.sadd(shop.key('deps:1'), shop.key('page:1'));
      await shop.redis.sadd(shop.key('deps:2'), shop.key('page:2'));
      await shop.cache('page:1', 'page:2');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      await shop.settled();
      expect(await shop.cached(['page:1', 'page:2'])).toEqual(['page:2']);
      await shop.db.query('ALTER TABLE users ADD COLUMN more INT');
      await shop.settled();
      expect(await shop.cached(['page:2'])).toEqual([]);
      expect(await shop.redis.exists(shop.key('deps:1'), shop.key('deps:2'))).toBe(0);
    },
  },
  '[`guard: version`]': {
    use: (key) => ({ rule: { key: key('user:{id}'), guard: 'version', version: { column: 'id' } } }),
    happens: async (shop) => {
      await shop.cache('user:6');
      await shop.db.query('INSERT INTO users (id) VALUES (6)');
      await shop.settled();
      expect(await shop.cached(['user:6'])).toEqual([]);
    },
  },
  '[`action: update`]': {
    use: (key) => {
      const value = { format: 'hash', columns: ['id'] };
      const rule = { action: 'update', version: { column: 'id' }, value, ttl: '1m', create: true };
      return { rule: { ...rule, key: key('user:{id}') } };
    },
    happens: async (shop) => {
      await shop.db.query('INSERT INTO users (id) VALUES (7)');
      await shop.settled();
      expect(await shop.redis.hgetall(shop.key('user:7'))).toEqual({ id: '7' });
    },
  },
  '[`generation`]': {
    use: (key) => ({ rule: { generation: key('gen') } }),
    happens: async (shop) => {
      // What is no counter has to be overwritten.
      await shop.redis.set(shop.key('gen'), 'text');
      await shop.db.query('INSERT INTO users (id) VALUES (2)');
      await shop.settled();
      const first = Number(await shop.redis.get(shop.key('gen')));
      expect(first).toBeGreaterThan(1);
      await shop.db.query('INSERT INTO users (id) VALUES (3)');
      await shop.settled();
      expect(Number(await shop.redis.get(shop.key('gen')))).toBe(first + 1);
    },
  },
  '[`publish.channel`]': {
    use: (key) => ({
      rule: { key: key('user:{id}') },
      publish: { channel: 'removed' },
      channel: 'removed',
    }),
    happens: async (shop) => {
      const subscriber = shop.redis.duplicate();
      const heard: string[] = [];
      subscriber.on('message', (_channel, message) => heard.push(message));
      await subscriber.subscribe('removed');
      await shop.db.query('INSERT INTO users (id) VALUES (4)');
      await eventually('the message', () => heard.some((message) => message.includes(shop.key('user:4'))));
      subscriber.disconnect();
    },
  },
  '[`publish.stream`]': {
    use: (key) => ({ rule: { key: key('user:{id}') }, publish: { stream: key('removed') } }),
    happens: async (shop) => {
      await shop.db.query('INSERT INTO users (id) VALUES (5)');
      await shop.settled();
      const entries = await shop.redis.xrange(shop.key('removed'), '-', '+');
      expect(JSON.stringify(entries)).toContain(shop.key('user:5'));
    },
  },
};

const [server] = inject('servers').mysql;

describe.skipIf(server === undefined)('the rights in Redis that docs/operations.md lists', () => {
  let shop: Shop;
  let redis: TestRedisServer;
  let daemon: DaemonProcess | undefined;
  const base = rightsFor('every daemon');

  beforeAll(async () => {
    redis = await startRedisServer();
    shop = await openShop(server!, redis.url);
  });
  afterEach(async () => {
    await daemon?.stop();
    daemon = undefined;
  });
  afterAll(async () => {
    await shop?.close();
    await redis?.destroy();
  });

  /** The configuration of a daemon whose Redis user has these rights alone. */
  const configFor = async (
    { rule, publish, channel }: Use,
    rights: readonly string[],
  ): Promise<Record<string, unknown>> => {
    const channels = channel === undefined ? [] : [`&${channel}`];
    const pattern = `~${shop.key('')}*`;
    await shop.redis.call(
      'ACL',
      'SETUSER',
      'narrow',
      'reset',
      'on',
      '>secret',
      pattern,
      '~unstale:*',
      ...channels,
      ...rights,
    );
    const url = new URL(redis.url);
    url.username = 'narrow';
    url.password = 'secret';
    const fence = { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') };
    const rules = [fence, { table: `${shop.db.name}.users`, ...rule }];
    return shop.config({
      redis: { url: url.href },
      rest: { rules, ...(publish === undefined ? {} : { publish }) },
    });
  };
  it('of every daemon are enough to delete and to look for keys', async () => {
    daemon = await startDaemon(await configFor({ rule: { key: shop.key('user:{id}') } }, base));
    await daemon.ready();
    await shop.cache('user:1', 'user:2');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await shop.settled();
    expect(await shop.cached(['user:1', 'user:2'])).toEqual(['user:2']);
    await shop.db.query('ALTER TABLE users ADD COLUMN other INT');
    await shop.settled();
    expect(await shop.cached(['user:2'])).toEqual([]);
    await shop.db.query('DELETE FROM users');
  });

  it.each(Object.entries(FEATURES))(
    'for %s are enough with those of every daemon, and check misses each that is not there',
    async (what, { use, happens }) => {
      const used = use((rest) => shop.key(rest));
      const rights = rightsFor(what);
      daemon = await startDaemon(await configFor(used, [...base, ...rights]));
      await daemon.ready();
      await happens(shop);
      await daemon.stop();
      for (const missing of rights) {
        const others = rights.filter((right) => right !== missing);
        const config = await configFor(used, [...base, ...others]);
        const checked = await runCli(['check', '-c', await writeConfig(config)]);
        expect(checked.stdout, missing).toContain('UNSTALE_REDIS_PERMISSION');
        expect(checked.code).toBe(4);
      }
    },
  );
});
