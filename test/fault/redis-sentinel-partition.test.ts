import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyUntilDurable,
  deletesOf,
  fill,
  numberedKeys,
  openSink,
  testClient,
} from '../support/redis-sink.ts';

describe.skipIf(!hasLocalRedis)('a connection by way of sentinels', () => {
  let redis: RedisSentinels;
  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    redis = await startRedisSentinels();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    await redis?.destroy();
  });

  test('a master that is cut off from the sentinels, but not from us, is left for the one that they name', async () => {
    const [first, second] = redis.servers;
    const user = { username: 'app', password: 'secret' };
    const [onFirst, onSecond] = [first, second].map(({ port }) => {
      const client = testClient(port);
      closers.push(() => client.disconnect());
      return client;
    });
    for (const client of [onFirst!, onSecond!])
      await client.acl('SETUSER', 'app', 'on', '>secret', '~*', '+@all');
    const nodes = redis.sentinels.map(({ host, port }) => ({ host, port }));
    const { sink, connection } = openSink({ port: 1, sentinel: { name: redis.name, nodes }, ...user });
    closers.push(() => connection.close());
    const changes: DatasetChange[] = [];
    connection.onDatasetChange((change) => changes.push(change));
    await connection.checkReady(5_000);

    const old = new Redis({ host: first.host, port: first.port, ...user });
    closers.push(() => old.disconnect());
    await old.acl('SETUSER', 'default', 'off');
    await old.client('KILL', 'USER', 'default');

    await eventually('the new master is found', () => changes.length > 0);
    expect(changes).toHaveLength(1);
    expect((await old.role())[0]).toBe('master');
    const keys = numberedKeys(50);
    await fill(onSecond!, keys);
    await applyUntilDurable(sink, deletesOf(keys));
    expect(await onSecond!.exists(...keys)).toBe(0);
  });
});
