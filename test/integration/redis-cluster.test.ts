import type { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { installedRedisImplementations } from '../../scripts/servers/installed.ts';
import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { ClusterNode, RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import { rowVersion } from '../../src/change/version.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import { ScopeSweep } from '../../src/redis/scope.ts';
import { clusterClient, keysInSlot, keysOf, openClusterSink } from '../support/redis-cluster.ts';
import type { ClusterSink } from '../support/redis-cluster.ts';
import {
  applyOnce,
  deletesOf,
  deletesOnly,
  durable,
  generationsOf,
  numberedKeys,
  openSink,
  scopeOf,
  setsOf,
} from '../support/redis-sink.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';

const implementations = await installedRedisImplementations();

describe.each(implementations)('on a cluster of %s', (implementation) => {
  let cluster: RedisCluster;
  let client: Cluster;
  let first: ClusterNode;
  let second: ClusterNode;
  const opened: ClusterSink[] = [];

  beforeAll(async () => {
    cluster = await startRedisCluster({ implementation });
    [first, second] = cluster.masters as [ClusterNode, ClusterNode];
    client = clusterClient(cluster);
  });

  afterAll(async () => {
    client?.disconnect();
    await cluster?.destroy();
  });

  beforeEach(async () => {
    for (const node of cluster.masters) await node.call('FLUSHALL');
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ connection }) => connection.close()));
  });

  async function ready(
    options: Partial<RedisConnectionOptions> = {},
    sinkOptions: Partial<RedisSinkOptions> = {},
  ): Promise<ClusterSink> {
    const sink = openClusterSink(cluster, options, sinkOptions);
    opened.push(sink);
    await sink.connection.checkReady(5_000);
    return sink;
  }

  async function fill(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => client.set(key, 'value')));
  }

  /** A slot of the first node that is opened for a move to the second while `work` runs; it is moved at the end. */
  async function whileMoving(slot: number, work: () => Promise<void>): Promise<void> {
    await cluster.beginMigration(slot, first, second);
    try {
      await work();
    } finally {
      await cluster.migrateKeys(slot, first, second);
      await cluster.endMigration(slot, first, second);
      await cluster.moveSlot(slot, second, first);
    }
  }

  test('a batch of keys of all slots is removed, and only they', async () => {
    const { sink, lines } = await ready();
    const keys = numberedKeys(3_000);
    await fill([...keys, 'other']);

    expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(3_000));
    expect(await keysOf(cluster)).toEqual(['other']);
    expect(lines.map(({ message }) => message)).toEqual(Array(3).fill('connected to Redis'));
  });

  test('a key and its companion go in one command', async () => {
    const { connection } = await ready();
    const keys = ['plain', 'a:{tag}:b', 'odd}name'];
    await fill(keys.flatMap((key) => [key, companionKey(key)]));
    await Promise.all(cluster.masters.map((node) => node.call('CONFIG', 'RESETSTAT')));

    expect(await connection.unlink(keys.flatMap((key) => [key, companionKey(key)]))).toBe(6);

    const stats = await Promise.all(cluster.masters.map((node) => node.call('INFO', 'commandstats')));
    const calls = stats.map((text) => Number(/^cmdstat_unlink:calls=(\d+)/m.exec(String(text))?.[1] ?? 0));
    expect(calls.reduce((sum, count) => sum + count, 0)).toBe(3);
  });

  test('scripts run on every node, also after they were flushed', async () => {
    const { connection } = await ready();
    const keys = numberedKeys(100);
    const versions = keys.map((key) => ({ key, version: rowVersion(7n) }));
    const options = { tombstoneMs: 60_000, holdMs: 1_000, gtid: 'u:1-7' };
    await fill(keys);
    expect(await connection.invalidate(versions, options)).toBe(100);
    for (const node of cluster.masters) await node.call('SCRIPT', 'FLUSH');
    await fill(keys);
    expect(await connection.invalidate(versions, options)).toBe(100);
    expect(await client.hget(companionKey('user:1'), 'f')).toBe(String(rowVersion(7n)));

    const value = { form: 'string', value: Buffer.from('new') } as const;
    const updates = ['user:1', 'user:2', 'user:3'].map((key, index) => ({
      key,
      version: rowVersion(BigInt(index === 1 ? 6 : 8))!,
      value,
      ttlMs: 60_000,
      create: index !== 2,
    }));
    expect(await connection.update(updates, { tombstoneMs: 1_000 })).toEqual([
      'stored',
      'refused',
      'skipped',
    ]);
    expect(await client.get('user:1')).toBe('new');
  });

  test('a slot that has moved is followed, and counts as no failover', async () => {
    const { sink, changes } = await ready();
    const slot = keySlot('user:1');
    const owner = await cluster.ownerOf(slot);
    const other = cluster.masters.find((node) => node !== owner)!;
    await fill(['user:1']);
    await cluster.moveSlot(slot, owner, other);
    try {
      expect(await applyOnce(sink, deletesOf(['user:1']))).toEqual(durable(1));
      expect(await keysOf(cluster)).toEqual([]);
      expect(changes).toEqual([]);
    } finally {
      await cluster.moveSlot(slot, other, owner);
    }
  });

  test('of a slot that moves, keys go from both nodes, and those that are on neither end the batch too', async () => {
    const { sink, replies } = await ready();
    const slot = 100;
    const keys = keysInSlot(slot, 9);
    await fill(keys.slice(0, 6));
    await whileMoving(slot, async () => {
      await cluster.migrateKeys(slot, first, second, keys.slice(0, 3));
      expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(6));
      expect(await keysOf(cluster)).toEqual([]);
      expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(0));
      expect(new Set(replies)).toEqual(new Set(['ok']));
    });
  });

  test('a key that has moved without its companion is removed with it, and the marker is where the companion is', async () => {
    const { connection } = await ready();
    const slot = 101;
    const [key, absent] = keysInSlot(slot, 2) as [string, string];
    const companion = companionKey(key);
    const options = { tombstoneMs: 60_000, holdMs: 0, gtid: '' };
    await fill([key]);
    await client.hset(companion, 'l', 'token', 'x', '9999999999999', 'f', String(rowVersion(9n)));
    await whileMoving(slot, async () => {
      await cluster.migrateKeys(slot, first, second, [key]);
      expect(
        await connection.invalidate(
          [key, absent].map((one) => ({ key: one, version: rowVersion(5n) })),
          options,
        ),
      ).toBe(1);
    });
    expect(await client.exists(key)).toBe(0);
    // The lease is void; the floor of a later change stays, and the absent key has one now.
    expect(await client.hgetall(companion)).toEqual({ f: String(rowVersion(9n)) });
    expect(await client.hget(companionKey(absent), 'f')).toBe(String(rowVersion(5n)));

    await fill([key]);
    await client.hset(companion, 'l', 'token');
    await whileMoving(slot, async () => {
      await cluster.migrateKeys(slot, first, second, [companion]);
      expect(await connection.unlink([key, companion])).toBe(2);
    });
    expect(await keysOf(cluster)).toEqual([companionKey(absent)]);
  });

  test('a value whose slot moves is removed instead of stored, where its companion cannot be seen', async () => {
    const { connection } = await ready();
    const slot = 102;
    const [key] = keysInSlot(slot, 1) as [string];
    await fill([key]);
    await whileMoving(slot, async () => {
      await cluster.migrateKeys(slot, first, second, [key]);
      const value = { form: 'string', value: Buffer.from('new') } as const;
      const update = { key, version: rowVersion(8n)!, value, ttlMs: 60_000, create: true };
      expect(await connection.update([update], { tombstoneMs: 60_000 })).toEqual(['dropped']);
    });
    expect(await client.exists(key)).toBe(0);
    expect(await client.hget(companionKey(key), 'f')).toBe(String(rowVersion(8n)));
  });

  test('a scope is removed on every node', async () => {
    const { sink } = await ready();
    await fill([...numberedKeys(5_000, 'product:'), 'user:1']);

    expect(await applyOnce(sink, [scopeOf('product:*')])).toEqual(durable(0, 5_000));
    expect(await keysOf(cluster)).toEqual(['user:1']);
  });

  test('a scope misses no key that moves from a node before it is looked through to one behind that', async () => {
    const { connection } = await ready();
    const slot = 103;
    const keys = keysInSlot(slot, 50);
    await fill([...numberedKeys(100, 'product:'), ...keys]);
    const firstRun = /run_id:(\w+)/.exec(String(await first.call('INFO', 'server')))?.[1];
    const { promise: othersAreThrough, resolve: through } = Promise.withResolvers<void>();
    let waiting = cluster.masters.length - 1;
    const nodes = await Promise.all(
      connection.nodes().map(async (node): Promise<RedisConnection> => {
        const isFirst = (await node.info())?.runId === firstRun;
        return {
          ...node,
          async scan(...args) {
            if (isFirst) {
              await othersAreThrough;
              await cluster.moveSlot(slot, first, second);
            }
            const page = await node.scan(...args);
            if (!isFirst && page.cursor === '0') waiting -= 1;
            if (waiting === 0) through();
            return page;
          },
        };
      }),
    );
    const sweep = new ScopeSweep(['user:*'], {
      nodes: () => nodes,
      remove: (node, found, send) => send(() => node.unlink(found)),
      keysPerRemoval: 100,
      scanRate: Infinity,
      sleep: async () => undefined,
      onProgress: () => undefined,
    });
    try {
      await sweep.run((command) => command(), new AbortController().signal);
      expect(sweep.progress.removed).toBe(50);
      expect((await keysOf(cluster)).filter((key) => key.startsWith('user:'))).toEqual([]);
    } finally {
      await cluster.moveSlot(slot, second, first);
    }
  });

  test('a scope looks for keys in a slot whose move stands still, on both nodes', async () => {
    const slot = 104;
    const keys = keysInSlot(slot, 20);
    await fill(keys);
    const { sink } = await ready();
    await whileMoving(slot, async () => {
      await cluster.migrateKeys(slot, first, second, keys.slice(0, 10));
      expect(await applyOnce(sink, [scopeOf('user:*')])).toEqual(durable(0, 20));
    });
    expect(await keysOf(cluster)).toEqual([]);
  });

  test('a set and the keys that it names may be on different nodes', async () => {
    const { sink } = await ready({}, { keysPerCommand: 100 });
    const members = numberedKeys(1_200, 'page:');
    await fill(members);
    await client.sadd('deps:1', members);

    expect(await applyOnce(sink, setsOf(['deps:1']))).toEqual(durable(0, 1_200));
    expect(await keysOf(cluster)).toEqual([]);
  });

  test('a set that moves while it is worked off is worked off to its end', async () => {
    const { connection } = await ready();
    const slot = 105;
    const [key] = keysInSlot(slot, 1) as [string];
    const members = numberedKeys(5_000, 'page:');
    await client.sadd(key, members);
    const seen = new Set<string>();
    let cursor = '0';
    let page = 0;
    await whileMoving(slot, async () => {
      do {
        const reply = await connection.scanSet(key, cursor, 100);
        if (reply === 'not a set') throw new Error(reply);
        for (const member of reply.keys) seen.add(member.toString());
        cursor = reply.cursor;
        page += 1;
        if (page === 3) await cluster.migrateKeys(slot, first, second);
      } while (cursor !== '0');
    });
    expect(seen.size).toBe(5_000);
  });

  test('generations grow on every node', async () => {
    const { sink } = await ready();
    const keys = numberedKeys(50, 'gen:');
    await client.set('gen:7', 'text');
    expect(await applyOnce(sink, generationsOf(keys))).toEqual(durable(0));
    const before = await Promise.all(keys.map((key) => client.get(key)));
    expect(before.every((value) => Number(value) > 1e15)).toBe(true);
    expect(await applyOnce(sink, generationsOf(keys))).toEqual(durable(0));
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(
      before.map((value) => String(Number(value) + 1)),
    );
  });

  test('what was removed is told on a channel and in a stream', async () => {
    const { sink } = await ready({}, { publish: { channel: 'removed', stream: 'log' } });
    const subscriber = client.duplicate();
    const heard: string[] = [];
    subscriber.on('message', (_channel, message) => heard.push(message));
    await subscriber.subscribe('removed');
    await applyOnce(sink, deletesOf(['user:1']));
    const entries = await client.xrange('log', '-', '+');
    expect(JSON.stringify(entries)).toContain('user:1');
    expect(heard.join()).toContain('user:1');
    subscriber.disconnect();
  });

  test('a user needs the rights that are documented, on every node, and the probe says which is missing', async () => {
    const rights = ['+unlink', '+scan', '+multi', '+ping', '+info', '+cluster', '+asking'];
    const user = { username: 'narrow', password: 'secret' };
    const setUser = (node: ClusterNode, all: readonly string[]): Promise<unknown> =>
      node.call('ACL', 'SETUSER', 'narrow', 'reset', 'on', '>secret', '~user:*', ...all);
    for (const node of cluster.masters) await setUser(node, rights);
    const { sink, connection } = await ready(user);
    expect(await connection.probe(deletesOnly(numberedKeys(20)))).toBe('permitted');
    await fill(numberedKeys(20));
    expect(await applyOnce(sink, deletesOf(numberedKeys(20)))).toEqual(durable(20));
    expect(await applyOnce(sink, [scopeOf('user:*')])).toEqual(durable(0, 0));

    await setUser(
      second,
      rights.filter((right) => right !== '+asking'),
    );
    await expect(connection.probe(deletesOnly(['user:1']))).rejects.toMatchObject({
      code: 'UNSTALE_REDIS_PERMISSION',
    });
    for (const node of cluster.masters)
      await setUser(
        node,
        rights.filter((right) => right !== '+cluster'),
      );
    const denied = openClusterSink(cluster, user);
    opened.push(denied);
    await expect(denied.connection.checkReady(3_000)).rejects.toMatchObject({
      code: 'UNSTALE_REDIS_PERMISSION',
    });
  });

  test('its data has one name as long as it is the same, whatever slots move', async () => {
    const { connection, changes } = await ready();
    const before = await connection.identity();
    expect(before?.split(' ')).toHaveLength(3);
    await cluster.moveSlot(106, first, second);
    expect(await connection.identity()).toBe(before);
    await cluster.moveSlot(106, second, first);
    expect(changes).toEqual([]);
  });

  test('a node of it is no single server, and a single server is none of it', async () => {
    const node = openSink({ port: first.port });
    const alone = await startRedisServer({ implementation });
    const lonely = openSink({ port: 0, cluster: [{ host: alone.host, port: alone.port }] });
    try {
      const refused = { code: 'UNSTALE_REDIS_MODE' };
      await expect(node.connection.checkReady(3_000)).rejects.toMatchObject(refused);
      await expect(lonely.connection.checkReady(3_000)).rejects.toMatchObject(refused);
    } finally {
      await Promise.all([node, lonely].map(({ connection }) => connection.close()));
      await alone.destroy();
    }
  });
});
