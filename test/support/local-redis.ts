import { describe } from 'vitest';

import { installedRedisImplementations } from '../../scripts/servers/installed.ts';
import type { RedisImplementation } from '../../scripts/servers/installed.ts';

/**
 * Clusters, sentinels and replicas are local processes also where all other servers are containers: those do not reach
 * each other under the addresses that clients are told.
 */
const installed = await installedRedisImplementations();

export const hasLocalRedis = installed.includes('redis');

/** A suite for each Redis and Valkey that is installed; skipped where there is none. */
export const eachLocalRedis = describe
  .skipIf(installed.length === 0)
  .each<RedisImplementation>(installed.length === 0 ? ['redis'] : installed);
