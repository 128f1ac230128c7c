import { createClient, createCluster } from 'redis';
import type {
  RedisClientOptions,
  RedisClusterOptions,
  RedisFunctions,
  RedisModules,
  RedisScripts,
} from 'redis';

import type { NodeRedisClient, NodeRedisCluster } from '../../src/reader/index.ts';

/** What tests do with a client of node-redis themselves. */
interface Connection {
  connect(): Promise<unknown>;
  destroy(): void;
}

/** As an application has it; errors of its connection are the test's to cause. Not connected yet. */
export function nodeRedisClient(
  port: number,
  options: RedisClientOptions<RedisModules, RedisFunctions, RedisScripts, 2 | 3> = {},
): NodeRedisClient & Connection {
  return createClient({ ...options, socket: { host: '127.0.0.1', port } }).on('error', () => undefined);
}

/** The same of a cluster that has a node at the port. */
export function nodeRedisCluster(
  port: number,
  options: Partial<RedisClusterOptions> = {},
): NodeRedisCluster & Connection {
  return createCluster({ ...options, rootNodes: [{ socket: { host: '127.0.0.1', port } }] }).on(
    'error',
    () => undefined,
  );
}
