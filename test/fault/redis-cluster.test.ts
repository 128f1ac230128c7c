import type { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import type { RedisClusterOptions } from '../../src/redis/cluster-connection.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { eventually } from '../support/eventually.ts';
import { clusterClient, openClusterSink, store } from '../support/redis-cluster-sink.ts';
import {
  applyOnce,
  applyUntilDurable,
  deletesOf,
  durable,
  numberedKeys,
  scopeOf,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

const keys = numberedKeys(300);

describe.skipIf(!hasLocalRedis)('a cluster with replicas', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  const opened: TestSink[] = [];

  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: true });
    client = clusterClient(cluster);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async ({ connection }) => connection.close()));
  });
  afterAll(async () => {
    client?.disconnect();
    await cluster?.destroy();
  });

  const open = async (
    options: Partial<RedisClusterOptions> = {},
    addresses: readonly string[] = cluster.addresses,
  ) => {
    const sink = openClusterSink({ addresses }, options);
    opened.push(sink);
    const changes: DatasetChange[] = [];
    sink.connection.onDatasetChange((change) => changes.push(change));
    await sink.connection.checkReady(10_000);
    // What was asked before has its answer when this has one.
    await sink.connection.identity();
    return { ...sink, changes };
  };
  const addressOf = ({ host, port }: RedisServer): string => `${host}:${port}`;
  const keyOn = async (node: RedisServer): Promise<string> => {
    for (const key of keys) if ((await cluster.ownerOf(keySlot(key))) === node) return key;
    throw new Error('no key is on the node');
  };
  /** Keys of the rule on the masters that the connection knows; those that hang cannot be asked. */
  const left = async ({ connection }: TestSink): Promise<number> => {
    const pages = connection.nodes().map(async (node) => node.scan('0', 'user:*', 10_000));
    return (await Promise.all(pages)).reduce((sum, { keys: found }) => sum + found.length, 0);
  };

  test('a batch counts as done only when the replicas of the masters that it wrote to have it', async () => {
    const { sink, replies } = await open({ waitReplicas: 1, commandTimeout: 1_000 });
    await store(client, keys);
    expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(300));

    const [frozen, key] = [cluster.replicas[0]!, await keyOn(cluster.masters[0]!)];
    const elsewhere = await keyOn(cluster.masters[1]!);
    // Only what changes something reaches replicas at all.
    await store(client, [key]);
    frozen.freeze();
    try {
      expect(await applyOnce(sink, deletesOf([key]))).toMatchObject({
        outcome: 'retryable',
        error: {
          code: 'UNSTALE_REDIS_REPLICAS',
          message: 'only 0 of 1 replicas of Redis have the batch in time',
        },
      });
      expect(replies).toContain('replicas');
    } finally {
      frozen.thaw();
    }
    await applyUntilDurable(sink, deletesOf([key, elsewhere]));
  });

  test('a new session with the same process and a slot that moves are no other data', async () => {
    const { sink, connection, changes } = await open();
    const before = await connection.identity();
    const session = connection.sessions();
    await cluster.call(cluster.masters[0]!, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(
      'there is a new session',
      () => connection.isReachable() && connection.sessions() > session,
    );
    const slot = keySlot('moving');
    const source = await cluster.ownerOf(slot);
    await cluster.migrate(
      slot,
      cluster.masters.find((node) => node !== source)!,
    );
    await applyUntilDurable(sink, deletesOf(['moving']));
    expect(await connection.identity()).toBe(before);
    expect(changes).toEqual([]);
  });

  test('a master that restarts is other data, once', async () => {
    const { sink, connection, changes } = await open();
    const master = cluster.masters[1]!;
    const before = await connection.identity();
    expect(connection.isKnown()).toBe(true);
    await master.kill();
    await eventually('its loss is noticed', () => !connection.isKnown());
    await master.start();
    await applyUntilDurable(sink, deletesOf(keys));
    await eventually('the data of all of them is known', () => connection.isKnown());
    expect(await connection.identity()).not.toBe(before);
    expect(changes).toEqual([{ master: addressOf(master), reason: 'other-process' }]);
    await cluster.waitUntilOk();
  });

  test.each([
    [
      'hangs',
      0,
      async (master: RedisServer) => master.freeze(),
      async (master: RedisServer) => master.thaw(),
    ],
    [
      'is killed',
      2,
      async (master: RedisServer) => master.kill(),
      async (master: RedisServer) => master.start(),
    ],
  ])(
    'when a master %s, the replica that takes over gets the deletes, and is other data',
    async (_, index, fail, mend) => {
      // Known from the beginning as a replica, which must not hide that it is promoted.
      const { sink, connection, changes, lines } = await open({}, cluster.replicas.map(addressOf));
      const [master, replica] = [cluster.masters[index]!, cluster.replicas[index]!];
      await store(client, keys);
      await fail(master);
      const results = await applyUntilDurable(sink, [...deletesOf(keys.slice(0, 200)), scopeOf('user:*')]);

      expect(results.length).toBeGreaterThan(1);
      expect(results.slice(0, -1).every(({ outcome }) => outcome === 'retryable')).toBe(true);
      expect(await left(opened[0]!)).toBe(0);
      await eventually('it is reported', () => changes.length > 0);
      expect(changes).toEqual([{ master: addressOf(replica), reason: 'promoted' }]);
      expect(connection.isReachable()).toBe(true);
      expect(lines.filter(({ message }) => message.startsWith('other masters'))).toHaveLength(1);

      // It comes back as a replica, which nothing is to be said of.
      await mend(master);
      await cluster.waitUntilOk();
      expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(0));
      expect(changes).toHaveLength(1);
    },
  );
});
