import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import { RedisHealthProbe } from '../../src/redis/health-probe.ts';
import type { NodeHealth } from '../../src/redis/health-probe.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import { eventually } from '../support/eventually.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openClusterSink } from '../support/redis-cluster-sink.ts';
import { openSink, recordingLog, testClient } from '../support/redis-sink.ts';

/** Time between two looks, ms. */
const INTERVAL = 50;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Looks at what a connection leads to until the end of the test. */
function watch(connection: RedisConnection): RedisHealthProbe {
  const ending = new AbortController();
  const probe = new RedisHealthProbe({ connection, interval: INTERVAL, sleep, log: recordingLog().log });
  const running = probe.run(ending.signal);
  closers.push(async () => {
    ending.abort();
    await running;
    await connection.close();
  });
  return probe;
}

async function seen(
  probe: RedisHealthProbe,
  what: string,
  fits: (nodes: readonly NodeHealth[]) => boolean,
): Promise<readonly NodeHealth[]> {
  return eventually(what, () => probe.nodes, fits);
}

const answered = (nodes: readonly NodeHealth[]): boolean =>
  nodes.length > 0 && nodes.every(({ ping, info }) => ping !== undefined && info !== undefined);

describe('the health of a single Redis', () => {
  let server: TestRedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedisServer({ args: ['--maxmemory', '8mb', '--maxmemory-policy', 'allkeys-lru'] });
    client = testClient(server.port);
  });
  afterAll(async () => {
    client.disconnect();
    await server.destroy();
  });

  it('is its ping, its memory, its policy, what it evicted and who waits', async () => {
    const probe = watch(openSink(server).connection);
    const [node] = await seen(probe, 'it answers', answered);
    expect(node?.name).toBe(`127.0.0.1:${server.port}/0`);
    expect(node?.ping).toBeGreaterThan(0);
    expect(node?.info).toMatchObject({
      maxmemoryPolicy: 'allkeys-lru',
      load: { maxMemory: 8 * 1024 * 1024, replicas: 0, replicaLag: undefined },
    });
    const waiting = testClient(server.port);
    const popped = waiting.blpop('nothing', 0).catch(() => undefined);
    await seen(probe, 'a client waits', ([one]) => one?.info?.load.blockedClients === 1);
    waiting.disconnect();
    await popped;
    const value = 'x'.repeat(100_000);
    for (let n = 0; n < 100; n += 1) await client.set(`big:${n}`, value);
    await seen(probe, 'keys were evicted', ([one]) => (one?.info?.load.evictedKeys ?? 0) > 0);
  });

  it('is the ping alone for a user who may not ask, and who is not refused again and again', async () => {
    await client.call('ACL', 'SETUSER', 'quiet', 'on', '>secret', '~*', '+@all', '-info');
    await client.call('ACL', 'LOG', 'RESET');
    const probe = watch(openSink({ port: server.port, username: 'quiet', password: 'secret' }).connection);
    await seen(probe, 'it answers', ([one]) => one?.ping !== undefined);
    const looks = new Set<NodeHealth | undefined>();
    await eventually('it has been looked at ten times', () => looks.add(probe.nodes[0]).size > 10);
    expect(probe.nodes[0]?.info).toBeUndefined();
    const log = (await client.call('ACL', 'LOG')) as unknown[][];
    const counts = log.map((entry) => Number(entry[1]));
    // By the connection, which looks whether it is the same Redis, and once by the probe.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2);
  });

  it('is not known while it is away, and known again when it is back', async () => {
    const probe = watch(openSink(server).connection);
    await seen(probe, 'it answers', answered);
    await server.stop();
    await seen(probe, 'there is no answer', ([one]) => one !== undefined && one.ping === undefined);
    await server.start();
    await seen(probe, 'it answers again', answered);
  });
});

describe.skipIf(!hasLocalRedis)('the health of a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: true });
  });
  afterAll(async () => cluster?.destroy());

  it('is that of every master, each with its replica', async () => {
    const probe = watch(openClusterSink(cluster).connection);
    const nodes = await seen(
      probe,
      'all masters answer and have a replica',
      (found) =>
        found.length === cluster.masters.length && found.every(({ info }) => info?.load.replicas === 1),
    );
    expect(nodes.map(({ name }) => name).toSorted()).toEqual(
      cluster.masters.map(({ port }) => `127.0.0.1:${port}`).toSorted(),
    );
    for (const { info } of nodes) expect(info?.load.replicaLag).toBeGreaterThanOrEqual(0);
    await cluster.masters[0]?.stop();
    const isAway = ({ name, ping }: NodeHealth): boolean =>
      name === `127.0.0.1:${cluster.masters[0]?.port}` && ping === undefined;
    const others = await seen(probe, 'one of them is away', (found) => found.some(isAway));
    expect(others.filter(({ ping }) => ping !== undefined).length).toBeGreaterThan(0);
    await cluster.masters[0]?.start();
  });
});

describe.skipIf(!hasLocalRedis)('the health behind sentinels', () => {
  let sentinels: RedisSentinels;
  beforeAll(async () => {
    sentinels = await startRedisSentinels();
  });
  afterAll(async () => sentinels?.destroy());

  it('is that of the master, whoever it is', async () => {
    const nodes = sentinels.addresses.map((address) => {
      const [host = '', port = ''] = address.split(':');
      return { host, port: Number(port) };
    });
    const probe = watch(openSink({ port: 0, sentinel: { name: sentinels.name, nodes } }).connection);
    const [before] = await seen(probe, 'the master answers', answered);
    expect(before).toMatchObject({ name: `master ${sentinels.name}/0`, info: { role: 'master' } });
    await sentinels.failover();
    const [after] = await seen(
      probe,
      'the other one answers',
      (found) =>
        answered(found) && found[0]?.info?.runId !== before?.info?.runId && found[0]?.info?.role === 'master',
    );
    expect(after?.name).toBe(before?.name);
  });
});
