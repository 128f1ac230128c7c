import type { Cluster } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { ClusterNode, RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { ApplyResult } from '../../src/change/command.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import { eventually } from '../support/eventually.ts';
import { clusterClient, openClusterSink } from '../support/redis-cluster.ts';
import type { ClusterSink } from '../support/redis-cluster.ts';
import {
  applyOnce,
  applyUntilDurable,
  deletesOf,
  durable,
  numberedKeys,
  scopeOf,
} from '../support/redis-sink.ts';

describe('a cluster', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  const opened: ClusterSink[] = [];

  beforeEach(async () => {
    cluster = await startRedisCluster({ replicas: true });
    client = clusterClient(cluster);
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ connection }) => connection.close()));
    client?.disconnect();
    await cluster?.destroy();
  });

  async function ready(options: Partial<RedisConnectionOptions> = {}): Promise<ClusterSink> {
    const sink = openClusterSink(cluster, options);
    opened.push(sink);
    await sink.connection.checkReady(5_000);
    return sink;
  }

  async function fill(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => client.set(key, 'value')));
  }

  async function left(keys: readonly string[]): Promise<string[]> {
    const found = await Promise.all(keys.map((key) => client.exists(key)));
    return keys.filter((_, index) => found[index] === 1);
  }

  /** A batch of the next 50 of these keys after the other, each until it is durable, as long as `isGoingOn`. */
  async function load(
    { sink }: ClusterSink,
    keys: readonly string[],
    isGoingOn: () => boolean,
  ): Promise<ApplyResult[]> {
    const results: ApplyResult[] = [];
    for (let round = 0; isGoingOn(); round += 1) {
      const at = (round * 50) % keys.length;
      const batch = keys.slice(at, at + 50);
      await fill(batch);
      results.push(...(await applyUntilDurable(sink, deletesOf(batch))));
      expect(await left(batch)).toEqual([]);
    }
    return results;
  }

  test('that moves slots under load loses no delete, and fails none', async () => {
    const opening = await ready();
    const [first, second] = cluster.masters as [ClusterNode, ClusterNode];
    const keys = numberedKeys(400);
    const slots = [...new Set(keys.map((key) => keySlot(key)))].filter((slot) => slot < 5_000).slice(0, 40);
    let moving = true;
    const loading = load(opening, keys, () => moving);
    for (const slot of slots) await cluster.moveSlot(slot, first, second);
    moving = false;
    const results = await loading;

    expect(results.length).toBeGreaterThan(3);
    expect(results.filter(({ outcome }) => outcome !== 'durable')).toEqual([]);
    expect(opening.changes).toEqual([]);
  });

  test('whose master is killed makes batches retryable at once, follows the replica, and says so before its first command', async () => {
    const opening = await ready();
    const [master, replica] = [cluster.masters[1]!, cluster.replicas[1]!];
    const before = await opening.connection.identity();
    let reachableAtChange: boolean | undefined;
    opening.connection.onDatasetChange(() => {
      const view = opening.connection.nodes().find((node) => node.sessions() > 0);
      reachableAtChange = view?.isReachable() === true && opening.connection.isReachable();
    });
    const keys = numberedKeys(300);
    await fill(keys);
    await master.kill();

    const started = performance.now();
    expect(await applyOnce(opening.sink, deletesOf(keys))).toMatchObject({ outcome: 'retryable' });
    expect(performance.now() - started).toBeLessThan(500);
    expect(opening.connection.isReachable()).toBe(false);

    await applyUntilDurable(opening.sink, deletesOf(keys));
    expect(await left(keys)).toEqual([]);
    expect(opening.changes).toEqual([expect.objectContaining({ node: replica.address, cause: 'promoted' })]);
    expect(reachableAtChange).toBe(false);
    const after = await opening.connection.identity();
    expect(after).not.toBe(before);

    // The old master comes back as a replica, which changes nothing.
    await master.start();
    await eventually(
      'it is a replica',
      () => master.call('ROLE'),
      (role) => Array.isArray(role) && role[0] === 'slave' && role[3] === 'connected',
    );
    expect(await opening.connection.identity()).toBe(after);
    expect(opening.changes).toHaveLength(1);
  });

  test('that changes master and replica by hand is followed there and back, with one report each', async () => {
    const opening = await ready();
    const [master, replica] = [cluster.masters[0]!, cluster.replicas[0]!];
    const keys = numberedKeys(100);
    for (const [round, node] of [replica, master].entries()) {
      await fill(keys);
      await cluster.failover(node);
      await applyUntilDurable(opening.sink, deletesOf(keys));
      expect(await left(keys)).toEqual([]);
      await eventually('it is reported', () => opening.changes.length > round);
      expect(opening.changes.slice(round)).toEqual([
        expect.objectContaining({ node: node.address, cause: 'promoted' }),
      ]);
    }
  });

  test('whose master is killed while a scope is looked for has the scope removed from the replica too', async () => {
    const { sink, connection } = await ready();
    const [master, replica] = [cluster.masters[2]!, cluster.replicas[2]!];
    const keys = numberedKeys(2_000, 'product:');
    await fill(keys);
    await eventually(
      'the replica has the keys',
      async () => (await master.call('DBSIZE')) === (await replica.call('DBSIZE')),
    );
    await master.kill();
    const results = await applyUntilDurable(sink, [scopeOf('product:*')]);

    expect(results.length).toBeGreaterThan(1);
    expect(results.at(-1)).toEqual(durable(0, 2_000));
    expect(connection.nodes()).toHaveLength(3);
  });

  test('whose node is restarted without its data is reported', async () => {
    const opening = await ready();
    const master = cluster.masters[0]!;
    // Its replica could take over before.
    await cluster.replicas[0]!.kill();
    await master.kill();
    await master.start();
    await opening.connection.checkReady(10_000);
    await eventually('it is reported', () => opening.changes.length > 0);
    expect(opening.changes).toEqual([expect.objectContaining({ node: master.address, cause: 'restarted' })]);
  });

  test('has a batch wait for replicas, of the masters that it wrote to', async () => {
    const { connection } = await ready({ waitReplicas: 1, waitTimeout: 200 });
    const keys = numberedKeys(100);
    const since = connection.sessions();
    await fill(keys);
    await connection.unlink(keys);
    await connection.settle(since);

    const key = keys.find((name) => keySlot(name) < 5_000)!;
    cluster.replicas[2]!.freeze();
    await fill(keys);
    await connection.unlink([key]);
    await connection.settle(since);
    await connection.unlink(keys);
    await expect(connection.settle(since)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_REPLICAS' });
    cluster.replicas[2]!.thaw();
    await eventually('the replica has it', async () => {
      await connection.settle(since);
      return true;
    });
  });
});
