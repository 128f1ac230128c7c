import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';

describe.skipIf(!hasLocalRedis)('a throwaway cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(async () => cluster?.destroy());

  test('holds a slot between two masters until the migration ends', async () => {
    const { masters, call } = cluster;
    const slot = await cluster.slotOf('{a}');
    const source = await cluster.ownerOf(slot);
    const target = masters.find((node) => node !== source)!;
    await call(source, 'MSET', '{a}1', 'x', '{a}2', 'x');

    const migration = await cluster.beginMigration(slot, target);
    await migration.move('{a}1');
    await expect(call(source, 'GET', '{a}1')).rejects.toThrow(`ASK ${slot} 127.0.0.1:${target.port}`);
    await expect(call(source, 'UNLINK', '{a}1', '{a}2')).rejects.toThrow('TRYAGAIN');
    expect(await call(source, 'GET', '{a}2')).toBe('x');

    await migration.end();
    expect(await cluster.ownerOf(slot)).toBe(target);
    await expect(call(source, 'GET', '{a}1')).rejects.toThrow('MOVED');
    expect(await call(target, 'UNLINK', '{a}1', '{a}2')).toBe(2);
  });
});

describe.skipIf(!hasLocalRedis)('throwaway sentinels', () => {
  let sentinels: RedisSentinels;
  beforeAll(async () => {
    sentinels = await startRedisSentinels();
  });
  afterAll(async () => sentinels?.destroy());

  test('name the other server after a failover, and again after a kill', async () => {
    const [first, second] = sentinels.servers;
    expect(await sentinels.master()).toBe(first);
    expect(await sentinels.failover()).toBe(second);
    expect(await sentinels.killMaster()).toBe(first);
  });
});
