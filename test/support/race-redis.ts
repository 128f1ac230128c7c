import { Redis } from 'ioredis';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { failOverWithLoss } from './lossy-failover.ts';
import type { RaceRedis } from './refill-race.ts';

/** An application's client waits for the next master as long as it takes. */
const PATIENT = { retryStrategy: () => 50, maxRetriesPerRequest: null };

export function singleRedis(url: string): RaceRedis {
  return { config: { url }, connect: () => quiet(new Redis(url, PATIENT)) };
}

export function redisBehindSentinels(redis: RedisSentinels): RaceRedis {
  const { name, addresses } = redis;
  const sentinels = redis.sentinels.map(({ host, port }) => ({ host, port }));
  return {
    config: { sentinel: { name, nodes: addresses } },
    connect: () => quiet(new Redis({ ...PATIENT, name, sentinels, sentinelRetryStrategy: () => 100 })),
    failOver: (failover) => failOverWithLoss(redis, failover),
  };
}

/** Errors of its connection are the test's to cause. */
function quiet(client: Redis): Redis {
  client.on('error', () => undefined);
  return client;
}
