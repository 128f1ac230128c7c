import { Cluster } from 'ioredis';

import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import type { DatasetChange } from '../../src/redis/failover-watch.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';
import { openSink } from './redis-sink.ts';
import type { TestSink } from './redis-sink.ts';

/** A sink on a cluster, and what was said about its data. */
export interface ClusterSink extends TestSink {
  readonly changes: DatasetChange[];
}

/** Knows one node from the start, as a configuration may. */
export function openClusterSink(
  cluster: RedisCluster,
  options: Partial<RedisConnectionOptions> = {},
  sinkOptions: Partial<RedisSinkOptions> = {},
): ClusterSink {
  const seeds = cluster.masters.slice(0, 1).map(({ host, port }) => ({ host, port }));
  const opened = openSink({ port: 0, cluster: seeds, ...options }, sinkOptions);
  const changes: DatasetChange[] = [];
  opened.connection.onDatasetChange((change) => changes.push(change));
  return { ...opened, changes };
}

/** A client for the test itself. */
export function clusterClient(cluster: RedisCluster): Cluster {
  const client = new Cluster(
    cluster.masters.map(({ host, port }) => ({ host, port })),
    {
      clusterRetryStrategy: () => 50,
      retryDelayOnFailover: 50,
      slotsRefreshInterval: 500,
      redisOptions: { maxRetriesPerRequest: null },
    },
  );
  client.on('error', () => undefined);
  return client;
}

/** The names of all keys on all nodes that began as masters, sorted. */
export async function keysOf(cluster: RedisCluster): Promise<string[]> {
  const names = await Promise.all(cluster.masters.map((node) => node.call('KEYS', '*')));
  return names.flat().map(String).toSorted();
}

/** Keys of one slot: a hash tag, and names around it. */
export function keysInSlot(slot: number, count: number): string[] {
  let tag = 0;
  while (keySlot(String(tag)) !== slot) tag += 1;
  return Array.from({ length: count }, (_, index) => `user:{${tag}}:${index}`);
}
