import type { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { CacheCommand, Guard } from '../../src/change/command.ts';
import type { VersionToken } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import { eachLocalRedis } from '../support/local-redis.ts';
import { documentedRights } from '../support/documented-rights.ts';
import { clusterClient, openClusterSink, store as storeKeys } from '../support/redis-cluster-sink.ts';
import {
  applyOnce,
  applyUntilDurable,
  deletesOf,
  deletesOnly,
  durable,
  generationsOf,
  numberedKeys,
  openSink,
  scopeOf,
  setsOf,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

const rule = 'rules[0]';
const version = '000000000000000000071' as VersionToken;

eachLocalRedis('a sink on a cluster of %s', (implementation) => {
  let cluster: RedisCluster;
  let sink: TestSink;
  let client: Cluster;

  beforeAll(async () => {
    cluster = await startRedisCluster({ implementation });
    client = clusterClient(cluster);
  });
  beforeEach(async () => {
    sink = openClusterSink(cluster);
    await sink.connection.checkReady(10_000);
  });
  afterEach(async () => {
    await sink?.connection.close();
    for (const node of cluster.masters) await cluster.call(node, 'FLUSHALL');
  });
  afterAll(async () => {
    client?.disconnect();
    await cluster?.destroy();
  });

  const store = (...keys: string[]): Promise<void> => storeKeys(client, keys);
  /** Keys of all nodes. */
  const left = async (): Promise<number> => {
    const sizes = cluster.masters.map(async (node) => Number(await cluster.call(node, 'DBSIZE')));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  };
  const guarded = (keys: readonly string[], guard: Guard): CacheCommand[] =>
    keys.map((key) => ({ kind: 'delete', key, rule, guard }));
  const update = (key: string, value: string, create = true): CacheCommand => ({
    kind: 'update',
    key,
    rule,
    version,
    value,
    policy: { form: 'string', ttlMs: 60_000, ttlJitter: 0, create },
  });
  /** A slot that is split: the keys at `moved` are on the target already, and the others on the source. */
  const split = async (slot: number, moved: readonly string[]) => {
    const source = await cluster.ownerOf(slot);
    const target = cluster.masters.find((node) => node !== source)!;
    const migration = await cluster.beginMigration(slot, target);
    await migration.move(...moved);
    return migration;
  };

  test('deletes keys of all slots in one batch, with their companions', async () => {
    const keys = numberedKeys(3_000);
    await store(...keys, ...keys.slice(0, 100).map(companionKey));
    expect(new Set(keys.map(keySlot)).size).toBeGreaterThan(2_000);

    expect(await applyOnce(sink.sink, guarded(keys, { kind: 'lease' }))).toEqual(durable(3_100));
    expect(await left()).toBe(0);
  });

  test('invalidates, updates, renews generations and empties sets on the nodes that hold them', async () => {
    const keys = numberedKeys(50);
    const members = numberedKeys(700, 'member:');
    await store(...keys, ...members);
    for (const set of ['set:1', 'set:2', 'set:3'])
      await cluster.call(await cluster.ownerOf(keySlot(set)), 'SADD', set, ...members);

    const marker = { kind: 'marker', holdMs: 5_000 } as const;
    const result = await applyOnce(sink.sink, [
      ...guarded(keys.slice(0, 20), marker),
      ...keys.slice(20, 40).map((key) => update(key, 'new')),
      ...['a', 'b', 'c'].map((key) => update(`new:${key}`, key)),
      ...generationsOf(['gen:1', 'gen:2', 'gen:3']),
      ...setsOf(['set:1', 'set:2', 'set:3']),
    ]);
    expect(result).toMatchObject({ outcome: 'durable', removed: 20, swept: 700 });
    expect(result).toMatchObject({ updates: { stored: 3, dropped: 20 } });
    const get = async (...command: [string, ...string[]]): Promise<unknown> =>
      cluster.call(await cluster.ownerOf(keySlot(command[1] ?? '')), ...command);
    expect(await get('GET', 'new:a')).toBe('a');
    expect(await get('EXISTS', 'user:0')).toBe(0);
    expect(Number(await get('HGET', companionKey('user:0'), 'p'))).toBeGreaterThan(Date.now());
    expect(Number(await get('GET', 'gen:1'))).toBeGreaterThan(1e15);
    expect(await get('EXISTS', 'set:1')).toBe(0);
  });

  test('removes all keys of a scope from every node', async () => {
    const keys = numberedKeys(2_000);
    await store(...keys, 'other');
    expect(await applyOnce(sink.sink, [scopeOf('user:*')])).toEqual(durable(0, 2_000));
    expect(await left()).toBe(1);
  });

  test('follows MOVED, and knows the new owner from then on', async () => {
    const slot = keySlot('{a}1');
    const source = await cluster.ownerOf(slot);
    await cluster.migrate(
      slot,
      cluster.masters.find((node) => node !== source)!,
    );
    await store('{a}1', '{a}2');

    expect(await applyOnce(sink.sink, deletesOf(['{a}1', '{a}2', 'b', 'c']))).toEqual(durable(2));
    expect(await left()).toBe(0);
  });

  test.each([
    ['the key has moved and its companion has not', (key: string) => [key]],
    ['the companion has moved and its key has not', (key: string) => [companionKey(key)]],
    ['both have moved', (key: string) => [key, companionKey(key)]],
    ['none has moved', () => []],
  ])('while a slot is on its way and %s, both go', async (_, movedOf) => {
    const keys = ['{split}1', '{split}2'];
    await store(...keys, ...keys.map(companionKey));
    const migration = await split(keySlot(keys[0]!), keys.flatMap(movedOf));
    try {
      expect(await applyOnce(sink.sink, guarded(keys, { kind: 'lease' }))).toEqual(durable(4));
      expect(await left()).toBe(0);
    } finally {
      await migration.end();
    }
  });

  test('while a slot is on its way, keys that are nowhere, markers, values and counters come to an end too', async () => {
    const hold = { kind: 'marker', holdMs: 60_000, version } as const;
    await store('{way}k', '{way}u', '{way}v', companionKey('{way}k'));
    const set = '{way}set';
    const slot = keySlot(set);
    await cluster.call(await cluster.ownerOf(slot), 'SADD', set, '{way}m1', '{way}m2', 'elsewhere');
    await store('{way}m1', 'elsewhere', '{way}o1');
    // A script removes x and then cannot write its companion's fields anew where it was; y it replaces in place.
    await store('{way}x', '{way}y');
    await client.hset(companionKey('{way}x'), 'l', 'lease');
    await client.hset(companionKey('{way}y'), 'f', '000000000000000000061');
    // All of it in one slot and on one node.
    await cluster.call(await cluster.ownerOf(slot), 'SADD', '{way}own', '{way}o1');
    const migration = await split(slot, ['{way}k', '{way}u', set]);
    try {
      const result = await applyOnce(sink.sink, [
        ...deletesOf(['{way}none1', '{way}none2']),
        ...guarded(['{way}k', '{way}none3', '{way}x'], hold),
        update('{way}u', 'new'),
        update('{way}v', 'new'),
        update('{way}y', 'new'),
        ...generationsOf(['{way}gen']),
        ...setsOf([set, '{way}own']),
      ]);
      expect(result, String('error' in result ? result.error : '')).toMatchObject({
        outcome: 'durable',
        swept: 3,
      });
      expect(result).toMatchObject({ updates: { stored: 1, dropped: 2 } });
    } finally {
      await migration.end();
    }
    const { target } = migration;
    for (const key of ['{way}none3', '{way}x']) {
      const hold = await cluster.call(target, 'HGET', companionKey(key), 'p');
      expect(Number(hold)).toBeGreaterThan(Date.now() + 30_000);
      expect(await cluster.call(target, 'HEXISTS', companionKey(key), 'l')).toBe(0);
    }
    for (const key of ['{way}x', '{way}k', '{way}u', '{way}v', '{way}m1', '{way}o1', '{way}own', set])
      expect(await cluster.call(target, 'EXISTS', key)).toBe(0);
    expect(await cluster.call(target, 'GET', '{way}y')).toBe('new');
    expect(Number(await cluster.call(target, 'GET', '{way}gen'))).toBeGreaterThan(1e15);
  });

  test('a scope finds keys that are on their way, on either node', async () => {
    const keys = numberedKeys(200, '{scope}:');
    await store(...keys);
    const migration = await split(keySlot(keys[0]!), keys.slice(0, 100));
    try {
      expect(await applyOnce(sink.sink, [scopeOf('{scope}:*')])).toEqual(durable(0, 200));
      expect(await left()).toBe(0);
    } finally {
      await migration.end();
    }
  });

  test('a scope finds keys that moved behind its back from one node to another', async () => {
    const keys = numberedKeys(50, '{behind}:');
    await store(...keys);
    const migration = await split(keySlot(keys[0]!), []);
    const looked = Promise.withResolvers<void>();
    let others = 0;
    // The only node with keys is looked at when all others have been, and its keys have moved to one of those.
    const nodes = await Promise.all(
      sink.connection.nodes().map(async (node) => {
        const isSource = (await node.scan('0', '*', 1_000)).keys.length > 0;
        const scan: typeof node.scan = async (...args) => {
          if (isSource) {
            await looked.promise;
            await migration.move(...keys);
          }
          const page = await node.scan(...args);
          if (!isSource) others += 1;
          if (others === cluster.masters.length - 1) looked.resolve();
          return page;
        };
        return { ...node, scan };
      }),
    );
    const { sink: sweeping, connection } = openClusterSink(cluster, {}, { nodes });
    try {
      await connection.checkReady(5_000);
      expect(await applyOnce(sweeping, [scopeOf('{behind}:*')])).toEqual(durable(0, 50));
      expect(await left()).toBe(0);
    } finally {
      await migration.end();
      await connection.close();
    }
  });

  test('resharding under load loses no delete', async () => {
    const slots = Array.from({ length: 12 }, (_, index) => keySlot(`{r${index}}`));
    const keys = slots.flatMap((_, index) => numberedKeys(20, `{r${index}}:`));
    const state = { moving: true };
    const reshard = (async () => {
      for (const slot of slots) {
        const source = await cluster.ownerOf(slot);
        await cluster.migrate(
          slot,
          cluster.masters.find((node) => node !== source)!,
        );
      }
      state.moving = false;
    })();
    let batches = 0;
    while (state.moving) {
      await store(...keys.filter((_, index) => index % 4 === batches % 4));
      await applyUntilDurable(sink.sink, guarded(keys, { kind: 'lease' }));
      expect(await left()).toBe(0);
      batches += 1;
    }
    await reshard;
    expect(batches).toBeGreaterThan(3);
    expect(sink.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('probes each key on its node, and publishes on any', async () => {
    const { connection } = sink;
    expect(await connection.probe(deletesOnly(numberedKeys(30)))).toBe('permitted');
    const publish = { channel: 'removed', stream: 'removed:stream' };
    const sample = {
      deletes: ['a'],
      scripts: ['b'],
      values: ['c'],
      generations: ['d'],
      sets: ['e'],
      publish,
    };
    expect(await connection.probe(sample)).toBe('permitted');
    await connection.publish('removed', 'x');
    await connection.append('removed:stream', 'x', 10);
    expect(await left()).toBe(1);
    expect(await connection.info()).toMatchObject({ role: 'master' });
    expect(Math.abs((await connection.time()) / 1_000 - Date.now())).toBeLessThan(1_000);
    expect((await connection.identity())?.split(' ')).toHaveLength(3);
  });

  test('needs no more rights than docs/operations.md lists', async () => {
    const rights = [...documentedRights('every daemon'), ...documentedRights('`redis.cluster`')];
    for (const node of cluster.masters)
      await cluster.call(
        node,
        'ACL',
        'SETUSER',
        'narrow',
        'reset',
        'on',
        '>secret',
        '~user:*',
        '~{acl}*',
        ...rights,
      );
    const narrow = openClusterSink(cluster, { username: 'narrow', password: 'secret' });
    const keys = numberedKeys(100);
    await store(...keys, '{acl}1');
    const migration = await split(keySlot('{acl}1'), ['{acl}1']);
    try {
      await narrow.connection.checkReady(5_000);
      expect(await narrow.connection.probe(deletesOnly(keys))).toBe('permitted');
      const commands = [...deletesOf([...keys.slice(0, 50), '{acl}1', '{acl}2']), scopeOf('user:*')];
      expect(await applyOnce(narrow.sink, commands)).toEqual(durable(51, 50));
    } finally {
      await migration.end();
      await narrow.connection.close();
    }
  });

  test('says that a single Redis is no cluster, at once', async () => {
    const { startRedisServer } = await import('../../scripts/servers/redis-server.ts');
    const single = await startRedisServer();
    const wrong = openClusterSink({ addresses: [`127.0.0.1:${single.port}`] });
    try {
      await expect(wrong.connection.checkReady(5_000)).rejects.toMatchObject({
        code: 'UNSTALE_CONFIG_INVALID',
      });
    } finally {
      await wrong.connection.close();
      await single.destroy();
    }
  });

  test('says that a node of it is no single Redis, before anything is deleted', async () => {
    const [node] = cluster.masters;
    const alone = openSink({ port: node!.port });
    try {
      await alone.connection.checkReady(5_000);
      const refused = { code: 'UNSTALE_CONFIG_INVALID', message: expect.stringContaining('redis.cluster') };
      await expect(alone.connection.probe(deletesOnly(numberedKeys(20)))).rejects.toMatchObject(refused);
    } finally {
      await alone.connection.close();
    }
  });
});
