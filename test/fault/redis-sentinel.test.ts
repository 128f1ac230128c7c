import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisConnectionOptions, SentinelOptions } from '../../src/redis/client.ts';
import type { DatasetChange } from '../../src/redis/failover-watch.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyOnce,
  applyUntilDurable,
  deletesOf,
  durable,
  fill,
  numberedKeys,
  openSink,
  testClient,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

describe('behind sentinels', () => {
  let redis: RedisSentinels;
  const opened: TestSink[] = [];
  const keys = numberedKeys(500);

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ connection }) => connection.close()));
  });

  function open(
    sentinel: Partial<SentinelOptions> = {},
    options: Partial<RedisConnectionOptions> = {},
  ): TestSink & { changes: DatasetChange[] } {
    const nodes = redis.sentinels.map(({ host, port }) => ({ host, port }));
    const opening = openSink({
      port: 0,
      sentinel: { name: redis.name, nodes, tls: false, ...sentinel },
      ...options,
    });
    opened.push(opening);
    const changes: DatasetChange[] = [];
    opening.connection.onDatasetChange((change) => changes.push(change));
    return { ...opening, changes };
  }

  async function fillServer({ port }: RedisServer): Promise<void> {
    const client = testClient(port);
    await fill(client, keys);
    client.disconnect();
  }

  async function fillMaster(): Promise<void> {
    await fillServer(await redis.master());
  }

  async function keysLeft(): Promise<number> {
    return Number(await redis.call(await redis.master(), 'DBSIZE'));
  }

  describe('a failover', () => {
    beforeEach(async () => {
      redis = await startRedisSentinels();
    });
    afterEach(async () => redis?.destroy());

    test('a killed master makes batches retryable at once; its replica is followed, and reported once before it takes a command', async () => {
      const { sink, connection, changes, lines } = open();
      await connection.checkReady(5_000);
      await fillMaster();
      const [master, replica] = redis.servers;
      const before = await connection.identity();
      const reachableAtChange: boolean[] = [];
      connection.onDatasetChange(() => reachableAtChange.push(connection.isReachable()));
      await master.kill();

      const started = performance.now();
      expect(await applyOnce(sink, deletesOf(keys))).toMatchObject({ outcome: 'retryable' });
      expect(performance.now() - started).toBeLessThan(500);

      await applyUntilDurable(sink, deletesOf(keys));
      expect(await keysLeft()).toBe(0);
      const after = await connection.identity();
      expect(changes).toEqual([
        { node: `${replica.host}:${replica.port}`, before, after, cause: 'promoted' },
      ]);
      expect(reachableAtChange).toEqual([false]);
      expect(lines.map(({ message }) => message)).toEqual(
        expect.arrayContaining(['connected to Redis', 'lost the Redis connection', 'connected to Redis']),
      );
    });

    test('a failover under load loses no delete of a batch that was durable after it', async () => {
      const { sink, connection, changes } = open();
      await connection.checkReady(5_000);
      const isDone = { value: false };
      const outcomes = new Set<string>();
      const load = async (): Promise<void> => {
        while (!isDone.value) {
          const results = await applyUntilDurable(sink, deletesOf(keys));
          for (const { outcome } of results) outcomes.add(outcome);
        }
      };
      const loading = load();
      await redis.failover();
      await eventually('the change is seen', () => changes.length > 0);
      await fillMaster();
      isDone.value = true;
      await loading;
      await applyUntilDurable(sink, deletesOf(keys));
      expect(await keysLeft()).toBe(0);
      expect(changes).toHaveLength(1);
      expect([...outcomes].every((outcome) => outcome === 'durable' || outcome === 'retryable')).toBe(true);
    });

    test('a master that is cut off from the sentinels, but not from us, is left for the one that they name', async () => {
      const [first, second] = redis.servers;
      const user = { username: 'app', password: 'secret' };
      for (const server of redis.servers) {
        await redis.call(server, 'ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all');
      }
      const { sink, connection, changes } = open({}, user);
      await connection.checkReady(5_000);
      const client = new Redis({ port: first.port, host: first.host, ...user });
      try {
        await client.acl('SETUSER', 'default', 'off');
        await client.client('KILL', 'USER', 'default');
        await eventually('the new master is found', () => changes.length > 0);
        expect(changes).toEqual([
          expect.objectContaining({ node: `${second.host}:${second.port}`, cause: 'promoted' }),
        ]);
        expect((await client.role())[0]).toBe('master');
        await fillMaster();
        expect(await applyUntilDurable(sink, deletesOf(keys))).toContainEqual(durable(500));
      } finally {
        client.disconnect();
      }
    });

    test('sentinels that are away do no harm while one answers', async () => {
      await redis.sentinels[0]!.kill();
      await redis.sentinels[1]!.kill();
      const { sink, connection } = open();
      await connection.checkReady(5_000);
      await fillMaster();
      expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(500));
      await redis.sentinels[2]!.kill();
      await fillServer(redis.servers[0]);
      expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(500));
    });
  });

  describe('that stay as they are', () => {
    beforeAll(async () => {
      redis = await startRedisSentinels();
    });
    afterAll(async () => redis?.destroy());

    test('a name that they do not know is said, and asked for again', async () => {
      const { connection } = open({ name: 'shpo' });
      await expect(connection.checkReady(500)).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_UNREACHABLE',
        message: expect.stringContaining('shpo'),
      });
    });

    test('replicas that acknowledge nothing in time make the batch retryable', async () => {
      const { connection } = open({}, { waitReplicas: 1, waitTimeout: 100 });
      await connection.checkReady(5_000);
      await fillMaster();
      const since = connection.sessions();
      await connection.unlink(keys.slice(0, 100));
      await connection.settle(since);
      // Its socket stays open; the sentinels take longer to miss it.
      redis.servers[1].freeze();
      await connection.unlink(keys.slice(100));
      await expect(connection.settle(since)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_REPLICAS' });
      redis.servers[1].thaw();
      await eventually('it has them', async () => {
        await connection.settle(since);
        return true;
      });
    });

    test('replicas that cannot be asked any more, because the connection was lost, do too', async () => {
      const { connection } = open({}, { waitReplicas: 1, waitTimeout: 100 });
      await connection.checkReady(5_000);
      const since = connection.sessions();
      await connection.unlink(['user:1']);
      await redis.call(redis.servers[0], 'CLIENT', 'KILL', 'TYPE', 'normal');
      await eventually('it is back', () => connection.sessions() > since && connection.isReachable());
      await expect(connection.settle(since)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_REPLICAS' });
    });

    test('a user of theirs needs two rights, and a wrong password is fatal', async () => {
      const rights = ['+sentinel|get-master-addr-by-name', '+sentinel|master'];
      for (const sentinel of redis.sentinels) {
        await redis.call(sentinel, 'ACL', 'SETUSER', 'reader', 'on', '>sesame', '-@all', ...rights);
      }
      await open({ username: 'reader', password: 'sesame' }).connection.checkReady(5_000);
      await expect(
        open({ username: 'reader', password: 'wrong' }).connection.checkReady(3_000),
      ).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });
    });
  });
});
