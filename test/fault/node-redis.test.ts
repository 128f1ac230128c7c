import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { fromNodeRedis } from '../../src/reader/index.ts';
import type { Reader } from '../../src/reader/index.ts';
import { eventually } from '../support/eventually.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { nodeRedisClient, nodeRedisCluster } from '../support/node-redis.ts';
import { startOneNodeCluster } from '../support/one-node-cluster.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { freshKey, readerOn } from '../support/reader.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Reads keys, each a new one, until one is a hit. */
async function untilStored(reader: Reader): Promise<void> {
  await eventually('a row is stored', async () => {
    const key = freshKey();
    await reader.get(key, () => 'first');
    return (await reader.get(key, () => 'second')) === 'first';
  });
}

describe('a Redis that is down when node-redis starts', () => {
  let server: TestRedisServer;
  let proxy: TcpProxy;

  async function refusing(start: () => Promise<TestRedisServer>): Promise<void> {
    server = await start();
    proxy = await startTcpProxy({ port: server.port });
    closing.push(
      () => server.destroy(),
      () => proxy.close(),
    );
    proxy.refuse();
  }

  test('costs no read its row, and is used when it is there', async () => {
    await refusing(startRedisServer);
    const client = nodeRedisClient(proxy.port);
    const connected = client.connect();
    const { reader } = readerOn(fromNodeRedis(client), { redisTimeout: 20, breaker: { openFor: 20 } });
    closing.push(() => {
      reader.close();
      client.destroy();
    });
    for (let read = 0; read < 10; read += 1) expect(await reader.get(freshKey(), () => 'row')).toBe('row');
    expect(reader.breaker).not.toBe('closed');

    proxy.thaw();
    await connected;
    await untilStored(reader);
  });

  test('has to be connected to again where it is a cluster, and costs no read its row', async () => {
    await refusing(startOneNodeCluster);
    const { host, port } = proxy;
    const client = nodeRedisCluster(port, {
      nodeAddressMap: { [`127.0.0.1:${server.port}`]: { host, port } },
    });
    const { reader } = readerOn(fromNodeRedis(client), { redisTimeout: 20, breaker: { openFor: 20 } });
    closing.push(() => {
      reader.close();
      client.destroy();
    });
    await expect(client.connect()).rejects.toThrow();
    for (let read = 0; read < 10; read += 1) expect(await reader.get(freshKey(), () => 'row')).toBe('row');
    expect(reader.breaker).not.toBe('closed');

    proxy.thaw();
    await client.connect();
    await untilStored(reader);
  });
});

describe.skipIf(!hasLocalRedis)('a cluster of node-redis', () => {
  let cluster: RedisCluster;
  let client: ReturnType<typeof nodeRedisCluster>;

  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: true });
    const [first] = cluster.masters;
    client = nodeRedisCluster(first!.port, { useReplicas: true });
    // It learns the nodes once, and what replicates what takes the nodes a moment to tell each other.
    await eventually('the node tells of all replicas', async () => {
      const slots = JSON.stringify(await cluster.call(first!, 'CLUSTER', 'SLOTS'));
      return cluster.replicas.every(({ port }) => slots.includes(String(port)));
    });
    await client.connect();
  });
  afterAll(async () => {
    client?.destroy();
    await cluster?.destroy();
  });

  const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, 'row']));
  const keys = Array.from({ length: 100 }, () => freshKey());

  test('reads no replica, although other commands of the application may', async () => {
    const { reader, told } = readerOn(fromNodeRedis(client));
    closing.push(() => reader.close());
    await reader.getMany(keys, load);
    await reader.getMany(keys, load);
    for (const key of keys) await reader.get(key, () => 'other');
    expect(told.count('fill stored')).toBe(100);
    expect(told.count('hit value')).toBe(200);

    const servedByReplicas = async (): Promise<string> => {
      const stats = cluster.replicas.map((node) => cluster.call(node, 'INFO', 'commandstats'));
      return (await Promise.all(stats)).join('\n');
    };
    expect(await servedByReplicas()).not.toMatch(/cmdstat_m?get:/);
    for (const key of keys) await client.sendCommand(key, true, ['GET', key]);
    expect(await servedByReplicas()).toMatch(/cmdstat_get:/);
  });

  test('finds keys whose slot has moved, and a master that was a replica', async () => {
    const { reader, told } = readerOn(fromNodeRedis(client));
    closing.push(() => reader.close());
    await reader.getMany(keys, load);
    const [first] = keys as [string];
    const slot = await cluster.slotOf(first);
    const owner = await cluster.ownerOf(slot);
    await cluster.migrate(
      slot,
      cluster.masters.find((node) => node !== owner)!,
    );
    expect(await reader.get(first, () => 'other')).toBe('row');
    expect(await reader.invalidate(first)).toBe(1);

    await cluster.failover(cluster.replicas[0]!);
    await reader.getMany(keys, load);
    expect(await reader.invalidate(keys)).toBe(100);
    expect(told.lines.filter((line) => line.startsWith('redis'))).toEqual([]);
  });
});
