import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { documentedRights } from '../support/documented-rights.ts';
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
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import type { TestSink } from '../support/redis-sink.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

describe.skipIf(!hasLocalRedis)('a connection by way of sentinels', () => {
  let redis: RedisSentinels;
  const opened: TestSink[] = [];

  beforeAll(async () => {
    redis = await startRedisSentinels();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(async ({ connection }) => connection.close()));
  });
  afterAll(async () => redis?.destroy());

  const nodesOf = (ports: readonly number[]): { host: string; port: number }[] =>
    ports.map((port) => ({ host: '127.0.0.1', port }));
  const sentinelPorts = (): number[] => redis.sentinels.map(({ port }) => port);
  const open = (
    name = redis.name,
    ports = sentinelPorts(),
    options: Partial<RedisConnectionOptions> = {},
  ): TestSink => {
    const sink = openSink({ port: 1, sentinel: { name, nodes: nodesOf(ports) }, ...options });
    opened.push(sink);
    return sink;
  };
  /** Deletes keys by way of the sink, and says how many are left on the server. */
  const deleteOn = async (port: number, { sink }: TestSink, keys: readonly string[]): Promise<number> => {
    const client = testClient(port);
    try {
      await fill(client, keys);
      await applyUntilDurable(sink, deletesOf(keys));
      return await client.exists(...keys);
    } finally {
      client.disconnect();
    }
  };

  test('counts a batch as done only when replicas have it', async () => {
    const { sink, connection } = open(redis.name, sentinelPorts(), {
      waitReplicas: 1,
      commandTimeout: 1_000,
    });
    await connection.checkReady(5_000);
    const master = await redis.master();
    const replica = redis.servers.find((server) => server !== master)!;
    const client = testClient(master.port);
    // Only what changes something reaches replicas at all.
    await fill(client, ['a']);
    expect(await applyOnce(sink, deletesOf(['a']))).toEqual(durable(1));
    await fill(client, ['a']);
    client.disconnect();
    replica.freeze();
    try {
      expect(await applyOnce(sink, deletesOf(['a']))).toMatchObject({
        outcome: 'retryable',
        error: { code: 'UNSTALE_REDIS_REPLICAS' },
      });
    } finally {
      replica.thaw();
    }
    await applyUntilDurable(sink, deletesOf(['a']));
  });

  test('deletes on the master, follows a failover, and says so in one line', async () => {
    const sink = open();
    const changes: DatasetChange[] = [];
    sink.connection.onDatasetChange((change) => changes.push(change));
    await sink.connection.checkReady(5_000);
    const before = await sink.connection.identity();
    const first = await redis.master();
    expect(await deleteOn(first.port, sink, numberedKeys(10))).toBe(0);

    const second = await redis.failover();
    expect(await deleteOn(second.port, sink, numberedKeys(10))).toBe(0);
    const named = sink.lines.filter(({ message }) => message.includes('name another master'));
    expect(named.map(({ fields }) => fields['master'])).toEqual([`127.0.0.1:${second.port}`]);
    expect(sink.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(await sink.connection.identity()).not.toBe(before);
    expect(changes).toEqual([{ master: 'master cache/0', reason: 'other-process' }]);
  });

  test('leaves a master that hangs as soon as the sentinels name another', async () => {
    const sink = open();
    await sink.connection.checkReady(5_000);
    const old = await redis.master();
    const next = redis.servers.find((server) => server !== old)!;
    // A failover that was just over holds the next one up.
    old.freeze();
    try {
      await eventually(
        'the other is master',
        () => redis.master(),
        (server) => server === next,
      );
      expect(await deleteOn(next.port, sink, numberedKeys(10))).toBe(0);
    } finally {
      old.thaw();
    }
  });

  test('fails commands at once while no sentinel answers, with a reason that may pass', async () => {
    const sink = open(redis.name, [1, 2]);
    await expect(sink.connection.checkReady(300)).rejects.toMatchObject({
      code: 'UNSTALE_REDIS_UNREACHABLE',
      message: expect.stringMatching(
        /^no sentinel names a master cache: no connection to sentinel 127.0.0.1:\d: connect ECONNREFUSED/,
      ),
    });
    expect(await applyOnce(sink.sink, deletesOf(['a']))).toMatchObject({ outcome: 'retryable' });
  });

  test('says that the sentinels do not know the name', async () => {
    const sink = open('unknown');
    await expect(sink.connection.checkReady(300)).rejects.toMatchObject({
      code: 'UNSTALE_REDIS_UNREACHABLE',
      message: 'no sentinel names a master unknown: they know no such name',
    });
  });

  test('hears of a failover from a sentinel that was away for long when it began', async () => {
    const [first, second] = redis.sentinels;
    const proxy = await startTcpProxy({ port: second!.port });
    const own = await startTcpProxy({ port: first!.port });
    proxy.refuse();
    const sink = open(redis.name, [own.port, proxy.port]);
    await sink.connection.checkReady(5_000);
    // So often ioredis tries a command that waits for its connection.
    await eventually('it was tried often', () => proxy.refused > 21, Boolean, { timeoutMs: 60_000 });
    proxy.thaw();
    await eventually('it is listened to', () => proxy.connections === 1, Boolean, { timeoutMs: 5_000 });
    own.refuse();
    const old = await redis.master();
    const next = redis.servers.find((server) => server !== old)!;
    old.freeze();
    try {
      await eventually(
        'the other is master',
        () => redis.master(),
        (server) => server === next,
      );
      await eventually('it is told', () =>
        sink.lines.some(({ message }) => message === 'the sentinels name another master of Redis'),
      );
    } finally {
      old.thaw();
      await Promise.all([proxy.close(), own.close()]);
    }
  });

  test('needs no more rights on the sentinels than docs/operations.md lists', async () => {
    for (const port of sentinelPorts()) {
      const client = testClient(port);
      const rights = documentedRights('`redis.sentinel`');
      await client.call('ACL', 'SETUSER', 'narrow', 'reset', 'on', '>secret', '&+switch-master', ...rights);
      client.disconnect();
    }
    const sink = openSink({
      port: 1,
      sentinel: {
        name: redis.name,
        nodes: nodesOf(sentinelPorts()),
        username: 'narrow',
        password: 'secret',
      },
    });
    opened.push(sink);
    await sink.connection.checkReady(5_000);
    const denied = await Promise.all(
      sentinelPorts().map(async (port) => {
        const client = testClient(port);
        const log = await client.call('ACL', 'LOG');
        client.disconnect();
        return log;
      }),
    );
    expect(denied.flat()).toEqual([]);
  });

  test('stops at a password that the sentinels do not take', async () => {
    const port = redis.sentinels[0]!.port;
    const sink = openSink({
      port: 1,
      sentinel: { name: redis.name, nodes: nodesOf([port]), username: 'nobody', password: 'wrong' },
    });
    opened.push(sink);
    await expect(sink.connection.checkReady(2_000)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });
  });

  test('probes the rights on the master that the sentinels name', async () => {
    const { connection } = open();
    await connection.checkReady(5_000);
    const sample = { deletes: ['a'], scripts: [], values: [], generations: [], sets: [], publish: undefined };
    expect(await connection.probe(sample)).toBe('permitted');
  });
});
