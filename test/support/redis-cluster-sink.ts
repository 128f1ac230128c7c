import { Cluster } from 'ioredis';

import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { connectRedisCluster } from '../../src/redis/cluster-connection.ts';
import type { RedisClusterOptions } from '../../src/redis/cluster-connection.ts';
import { createRedisSink } from '../../src/redis/sink.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import { commandTimeout, recordingLog, socketTimeout } from './redis-sink.ts';
import type { TestSink } from './redis-sink.ts';

/** A sink on a connection of its own to a cluster, and what it said. */
export function openClusterSink(
  { addresses }: Pick<RedisCluster, 'addresses'>,
  connectionOptions: Partial<RedisClusterOptions> = {},
  options: Partial<RedisSinkOptions> = {},
): TestSink {
  const { log, lines } = recordingLog();
  const replies: string[] = [];
  const seeds = addresses.map((address) => {
    const [host = '', port = ''] = address.split(':');
    return { host, port: Number(port) };
  });
  const connection = connectRedisCluster(
    {
      connectTimeout: 1_000,
      commandTimeout,
      socketTimeout,
      clientName: 'unstale-test',
      ...connectionOptions,
    },
    seeds,
    log,
  );
  const observer = { replied: (replyClass: string): void => void replies.push(replyClass) };
  const sink = createRedisSink({ connection, scopeScanRate: 1_000_000, sleep, log, observer, ...options });
  return { sink, connection, lines, replies };
}

/** A client for the test itself, which finds every key; by TLS it trusts anybody. */
export function clusterClient(
  { addresses }: Pick<RedisCluster, 'addresses'>,
  { tls = false }: { tls?: boolean } = {},
): Cluster {
  const client = new Cluster(
    addresses.map((address) => {
      const [host = '', port = ''] = address.split(':');
      return { host, port: Number(port) };
    }),
    tls ? { redisOptions: { tls: { rejectUnauthorized: false } } } : {},
  );
  client.on('error', () => undefined);
  return client;
}

/** Gives keys of any slots a value. */
export async function store(client: Cluster, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map(async (key) => client.set(key, 'value')));
}
