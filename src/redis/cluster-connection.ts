import type { Log } from '../pipeline/ports.ts';
import type { RedisConnectionOptions, ServerAddress } from './client.ts';
import type { RedisConnection } from './connection.ts';

export function connectCluster(
  _options: RedisConnectionOptions,
  _seeds: readonly ServerAddress[],
  _log: Log,
): RedisConnection {
  throw new Error('not yet');
}
