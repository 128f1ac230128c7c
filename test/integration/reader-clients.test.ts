import { readFile } from 'node:fs/promises';
import { Cluster, Redis } from 'ioredis';
import { RESP_TYPES } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { compressed, createReader, fromIoredis, fromNodeRedis, jsonCodec } from '../../src/reader/index.ts';
import type { CacheClient } from '../../src/reader/index.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { eventually } from '../support/eventually.ts';
import { nodeRedisClient, nodeRedisCluster } from '../support/node-redis.ts';
import { startOneNodeCluster } from '../support/one-node-cluster.ts';
import { redisImplementations, startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { applicationClient, freshKey, listen, readerOn } from '../support/reader.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let standalone: TestRedisServer;
let member: TestRedisServer;
let single: Redis;
let cluster: Cluster;
let nodeClient: ReturnType<typeof nodeRedisClient>;
let oddNodeClient: ReturnType<typeof nodeRedisClient>;
let nodeCluster: ReturnType<typeof nodeRedisCluster>;

beforeAll(async () => {
  standalone = await startRedisServer();
  member = await startOneNodeCluster();
  single = applicationClient(standalone.port);
  cluster = new Cluster([{ host: '127.0.0.1', port: member.port }]);
  nodeClient = nodeRedisClient(standalone.port);
  const odd = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String } };
  oddNodeClient = nodeRedisClient(standalone.port, { RESP: 2, commandOptions: odd });
  nodeCluster = nodeRedisCluster(member.port);
  await Promise.all([nodeClient, oddNodeClient, nodeCluster].map(async (one) => one.connect()));
});

afterAll(async () => {
  single.disconnect();
  cluster.disconnect();
  for (const one of [nodeClient, oddNodeClient, nodeCluster]) one.destroy();
  await Promise.all([standalone.destroy(), member.destroy()]);
});

const clients: readonly (readonly [string, () => CacheClient, () => Redis | Cluster])[] = [
  ['ioredis', () => fromIoredis(single), () => single],
  ['a cluster of ioredis', () => fromIoredis(cluster), () => cluster],
  ['node-redis', () => fromNodeRedis(nodeClient), () => single],
  ['node-redis with RESP 2 and mapped replies', () => fromNodeRedis(oddNodeClient), () => single],
  ['a cluster of node-redis', () => fromNodeRedis(nodeCluster), () => cluster],
];

describe.each(clients)('with %s', (_, adapt, raw) => {
  test('text and bytes come back as they were stored, one by one and together', async () => {
    const client = adapt();
    const [text, bytes, list, none] = [freshKey(), freshKey(), freshKey(), freshKey()];
    await raw().set(text, 'é');
    await raw().set(bytes, Buffer.from([0, 255, 128]));
    await raw().lpush(list, 'a');
    expect(await client.get(text)).toBe('é');
    expect(await client.get(none)).toBeNull();
    expect(await client.getBytes(bytes)).toEqual(Buffer.from([0, 255, 128]));
    expect(await client.getMany([text, list, none])).toEqual(['é', null, null]);
    expect(await client.getManyBytes([none, bytes, list])).toEqual([null, Buffer.from([0, 255, 128]), null]);
    expect(await client.getMany([])).toEqual([]);
    await expect(client.get(list)).rejects.toThrow(/^WRONGTYPE/);
  });

  test('a reader fills, reads and invalidates keys of many slots, scripts being unknown at first', async () => {
    await raw().call('SCRIPT', 'FLUSH');
    const told = listen();
    const reader = createReader({
      redis: adapt(),
      source: 'primary',
      redisTimeout: '5s',
      observer: told.observer,
    });
    const keys = Array.from({ length: 30 }, (_, id) => freshKey(String(id)));
    keys.push('{tag}a', '{tag}b', 'stray}brace');
    const codec = compressed(jsonCodec<string>(), { minBytes: 10 });
    const rows = new Map(keys.map((key) => [key, `row of ${key}`]));
    const load = (missing: readonly string[]) =>
      new Map(missing.map((key): [string, string] => [key, `row of ${key}`]));

    expect(await reader.getMany(keys, load, { codec })).toEqual(rows);
    expect(told.count('fill stored')).toBe(33);
    expect(
      await reader.getMany(
        keys,
        () => {
          throw new Error('loaded');
        },
        { codec },
      ),
    ).toEqual(rows);
    expect(await reader.get('{tag}a', () => 'other', { codec })).toBe('row of {tag}a');
    expect(await reader.invalidate(keys)).toBe(33);
    expect(await reader.get('{tag}a', () => 'other', { codec })).toBe('other');
    expect(await reader.invalidate(['{tag}a', '{tag}b'])).toBe(1);
    expect(told.lines.filter((line) => line.startsWith('redis'))).toEqual([]);
    reader.close();
  });
});

test.each(await redisImplementations())(
  'on %s leases are granted, voided and given back, and versions are compared',
  async (implementation) => {
    const server = await startRedisServer({ implementation });
    const client = applicationClient(server.port);
    const { reader, told } = readerOn(client, { source: 'as-told' });
    const key = freshKey();
    const version = (row: { v: number }): number => row.v;
    const failing = reader.get(key, () => {
      throw new Error('deadlock');
    });
    await expect(failing).rejects.toThrow('deadlock');
    const overtaken = reader.get(key, async () => {
      await client.unlink(key, companionKey(key));
      return { v: 1 };
    });
    expect(await overtaken).toEqual({ v: 1 });
    expect(await reader.get(key, () => ({ v: 2 }), { version })).toEqual({ v: 2 });
    await client.unlink(key);
    expect(await reader.get(key, () => ({ v: 1 }), { version })).toEqual({ v: 1 });
    await reader.invalidate({ key, version: 3 }, { hold: '1m' });
    expect(await reader.get(key, () => null)).toBeUndefined();
    expect(await reader.get(key, () => ({ v: 9 }))).toBeUndefined();
    expect(told.lines.filter((line) => line.startsWith('fill'))).toEqual([
      'fill voided',
      'fill stored',
      'fill outdated',
      'fill stored',
    ]);
    reader.close();
    client.disconnect();
    await server.destroy();
  },
);

test('ioredis asks again for a lease whose reply was lost with the connection, and the value is stored', async () => {
  const proxy = await startTcpProxy({ port: standalone.port });
  const client = applicationClient(proxy.port);
  const told = listen();
  const key = freshKey();
  const reader = createReader({
    redis: fromIoredis(client),
    source: 'primary',
    redisTimeout: '30s',
    // Nothing but a lease of its own lets it fill within the time of the test.
    lease: '10m',
    wait: 0,
    observer: { ...told.observer, miss: () => proxy.dropReplies() },
  });
  try {
    const reading = reader.get(key, () => 'row');
    await eventually('the lease is given', async () => (await single.exists(companionKey(key))) === 1);
    proxy.cut();
    proxy.thaw();
    expect(await reading).toBe('row');
    expect(told.lines).toEqual(['lease lease', 'load lease ok', 'fill stored']);
    expect(await single.get(key)).toBe('"row"');
  } finally {
    reader.close();
    client.disconnect();
    await proxy.close();
  }
});

describe('a client of ioredis', () => {
  test.each([
    ['a key prefix', () => new Redis({ lazyConnect: true, keyPrefix: 'app:' })],
    [
      'a key prefix for the nodes of a cluster',
      () => new Cluster([{ port: 1 }], { lazyConnect: true, redisOptions: { keyPrefix: 'app:' } }),
    ],
    [
      'reads on the replicas of Redis',
      () => new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: 'slave' }),
    ],
  ])('with %s is refused', (_, make) => {
    const client = make();
    expect(() => fromIoredis(client)).toThrow(expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }));
    client.disconnect();
  });
});

describe('a client of node-redis', () => {
  test.each([
    ['a key prefix', () => nodeRedisClient(1, { keyPrefix: 'app:' })],
    ['a key prefix, of a cluster', () => nodeRedisCluster(1, { keyPrefix: 'app:' })],
    ['a connection for reads on a replica', () => nodeRedisClient(1, { readonly: true })],
  ])('with %s is refused', (_, make) => {
    expect(() => fromNodeRedis(make())).toThrow(expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }));
  });
});

test('the rights in docs/reader.md are enough, and a reader that has less goes on without the cache', async () => {
  const guide = await readFile(new URL('../../docs/reader.md', import.meta.url), 'utf8');
  const rights = [...guide.matchAll(/`((?:\+[a-z]+ ?)+)`/g)].flatMap((match) => match[1]?.split(' ') ?? []);
  expect(rights).toContain('+evalsha');
  const makeUser = (name: string, allowed: readonly string[]): Promise<unknown> =>
    single.call('ACL', ['SETUSER', name, 'on', '>secret', '~reader-test:*', '~unstale:*', ...allowed]);
  await makeUser('enough', rights);
  await makeUser('less', ['+get']);
  const connect = (username: string): Redis =>
    new Redis({ port: standalone.port, username, password: 'secret', enableReadyCheck: false });
  const [enough, less] = [connect('enough'), connect('less')];
  const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, 1]));

  const key = freshKey();
  const able = readerOn(enough);
  expect(await able.reader.getMany([key], load)).toEqual(new Map([[key, 1]]));
  expect(able.told.lines).toContain('fill stored');
  expect(await able.reader.get(key, () => 2)).toBe(1);
  expect(await able.reader.invalidate({ key, version: 5 }, { hold: '5ms', gtid: '0-1-1' })).toBe(1);
  await expect(
    able.reader.get(key, () => {
      throw new Error('no row');
    }),
  ).rejects.toThrow('no row');
  expect(able.told.lines.filter((line) => line.startsWith('redis'))).toEqual([]);

  const unable = readerOn(less);
  for (let read = 0; read < 10; read += 1) expect(await unable.reader.get(key, () => 3)).toBe(3);
  expect(unable.told.lines).toContain('redis getOrLease refused');
  expect(unable.reader.breaker).toBe('closed');
  for (const { reader } of [able, unable]) reader.close();
  for (const client of [enough, less]) client.disconnect();
});
