import type { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster, SlotMigration } from '../../scripts/servers/redis-cluster.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import type { RedisClusterOptions } from '../../src/redis/cluster-connection.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';
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
  setsOf,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

function keyIn(slot: number): string {
  let number = 0;
  while (keySlot(`moved:${number}`) !== slot) number += 1;
  return `moved:${number}`;
}

/** Many keys of one slot. */
const tagged = (tag: string, count: number): string[] => numberedKeys(count, `user:{${tag}}:`);

describe.skipIf(!hasLocalRedis)('while slots of a cluster are on their way', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  const open: TestSink[] = [];
  const migrations: SlotMigration[] = [];

  beforeAll(async () => {
    cluster = await startRedisCluster({ spares: 1 });
    client = clusterClient(cluster);
  });
  afterEach(async () => {
    for (const migration of migrations.splice(0)) await migration.end();
    await Promise.all(open.splice(0).map(({ connection }) => connection.close()));
    for (const node of [...cluster.masters, ...cluster.spares]) await cluster.call(node, 'FLUSHALL');
  });
  afterAll(async () => {
    client?.disconnect();
    await cluster?.destroy();
  });

  async function ready(
    options: Partial<RedisSinkOptions> = {},
    user: Partial<RedisClusterOptions> = {},
  ): Promise<TestSink> {
    const sink = openClusterSink(cluster, user, options);
    open.push(sink);
    await sink.connection.checkReady(10_000);
    return sink;
  }
  const left = async (): Promise<number> => {
    const sizes = [...cluster.masters, ...cluster.spares].map((node) => cluster.call(node, 'DBSIZE'));
    return (await Promise.all(sizes)).reduce<number>((sum, size) => sum + Number(size), 0);
  };

  test('a scope is also removed from a node that has no slot yet, but keys of one', async () => {
    const { sink } = await ready();
    const keys = tagged('spare', 20);
    await store(client, keys);
    const migration = await cluster.beginMigration(await cluster.slotOf(keys[0]!), cluster.spares[0]!);
    migrations.push(migration);
    await migration.move(...keys.slice(0, 10));

    expect(await applyOnce(sink, [scopeOf('user:*')])).toEqual(durable(0, 20));
    expect(await left()).toBe(0);
  });

  test.each([
    ['', 200, []],
    // It cannot be told then whether another session is with another process.
    [', also where INFO may not be asked', 300, ['-info']],
  ])(
    'a scope is removed in bounded time, however long other slots go on moving%s',
    async (_, firstSlot, rights) => {
      await store(client, [...numberedKeys(9_000, 'other:'), ...tagged('a', 10)]);
      for (const node of [...cluster.masters, ...cluster.spares])
        await cluster.call(node, 'ACL', 'SETUSER', 'mover', 'on', '>secret', '~*', '+@all', ...rights);
      const [first, second] = cluster.masters;
      let slot = firstSlot;
      let pages = 0;
      const { sink, connection } = await ready(
        {
          scopeScanRate: 10_000,
          sleep: async () => {
            pages += 1;
            // One slot more for each page: no pass would ever find the slots where they were before it.
            if (pages > 60) throw new Error('the scope does not end');
            const next = slot++;
            if ((await cluster.ownerOf(next)) === first) await cluster.migrate(next, second!);
            // So that it is known at once.
            await connection.unlink([keyIn(next)]);
          },
        },
        { username: 'mover', password: 'secret' },
      );
      expect(await applyOnce(sink, [scopeOf('user:*')])).toMatchObject({ outcome: 'durable', swept: 10 });
    },
  );

  test('a set of several pages is worked off where its key has moved and its slot has not', async () => {
    const { sink } = await ready();
    const [key] = tagged('set', 1) as [string];
    const members = numberedKeys(2_000, 'page:');
    await store(client, members);
    await client.sadd(key, members);
    const migration = await cluster.beginMigration(await cluster.slotOf(key), cluster.spares[0]!);
    migrations.push(migration);
    await migration.move(key);

    expect(await applyOnce(sink, setsOf([key]))).toEqual(durable(0, 2_000));
    expect(await left()).toBe(0);
  });

  test('no key that is written while its set is worked off stays without being named by it', async () => {
    const { connection } = await ready();
    const members = numberedKeys(50, 'page:');
    const work = { isGoing: true };
    const write = async (): Promise<void> => {
      while (work.isGoing) {
        await Promise.all(
          members.map(async (member) => {
            await client.set(member, 'value');
            await client.sadd('deps:1', member);
          }),
        );
      }
    };
    const writing = write();
    for (let round = 0; round < 300; round += 1) {
      await connection.unlinkMembers(
        'deps:1',
        members.map((member) => Buffer.from(member)),
      );
    }
    work.isGoing = false;
    await writing;
    await connection.unlinkMembers(
      'deps:1',
      members.slice(25).map((member) => Buffer.from(member)),
    );
    const named = new Set(await client.smembers('deps:1'));
    const found = await Promise.all(members.map((member) => client.exists(member)));
    expect(members.filter((member, index) => found[index] === 1 && !named.has(member))).toEqual([]);
  });
});

describe.skipIf(!hasLocalRedis)('a cluster whose replicas take over', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let sink: TestSink;

  beforeEach(async () => {
    cluster = await startRedisCluster({ replicas: true });
    client = clusterClient(cluster);
    sink = openClusterSink(cluster);
    await sink.connection.checkReady(10_000);
  });
  afterEach(async () => {
    await sink?.connection.close();
    client?.disconnect();
    await cluster?.destroy();
  });

  test('and give back within seconds is reported both times', async () => {
    const changes: DatasetChange[] = [];
    sink.connection.onDatasetChange((change) => changes.push(change));
    const [master, replica] = [cluster.masters[0]!, cluster.replicas[0]!];
    for (const [round, node] of [replica, master].entries()) {
      await cluster.failover(node);
      await applyUntilDurable(sink.sink, deletesOf(numberedKeys(100)));
      await eventually('it is reported', () => changes.length > round);
      expect(changes.slice(round)).toEqual([
        expect.objectContaining({ master: `127.0.0.1:${node.port}`, reason: 'promoted' }),
      ]);
    }
  });

  test('while a scope is looked for has the scope removed from them too', async () => {
    const [master, replica] = [cluster.masters[2]!, cluster.replicas[2]!];
    await store(client, numberedKeys(2_000, 'product:'));
    await eventually(
      'the replica has the keys',
      async () => (await cluster.call(master, 'DBSIZE')) === (await cluster.call(replica, 'DBSIZE')),
    );
    await master.kill();
    const results = await applyUntilDurable(sink.sink, [scopeOf('product:*')]);

    expect(results.length).toBeGreaterThan(1);
    expect(results.at(-1)).toEqual(durable(0, 2_000));
    expect(sink.connection.nodes()).toHaveLength(3);
  });
});
