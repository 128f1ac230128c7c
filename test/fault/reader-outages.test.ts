import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';

import { createReader, fromIoredis, fromNodeRedis } from '../../src/reader/index.ts';
import type { CacheClient, Reader } from '../../src/reader/index.ts';
import { eventually } from '../support/eventually.ts';
import { nodeRedisClient, nodeRedisCluster } from '../support/node-redis.ts';
import { startOneNodeCluster } from '../support/one-node-cluster.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { applicationClient, freshKey, readerOn } from '../support/reader.ts';
import type { Told } from '../support/reader.ts';
import type { StampedeReport } from '../support/stampede-process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

describe('a stampede', () => {
  test('of 10,000 callers in 20 processes is one load', { timeout: 200_000 }, async () => {
    const { port } = inject('servers').redis;
    const [key, counter] = [freshKey('stampede'), freshKey('loads')];
    const file = fileURLToPath(new URL('../support/stampede-process.ts', import.meta.url));
    const processes = Array.from({ length: 20 }, () => {
      const args = [file, String(port), key, counter, '500'];
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return { child, next: async () => (await lines.next()).value as string };
    });
    try {
      for (const { next } of processes) expect(await next()).toBe('ready');
      for (const { child } of processes) child.stdin.end('go\n');
      const reports = await Promise.all(
        processes.map(async ({ next }) => JSON.parse(await next()) as StampedeReport),
      );
      expect(reports.reduce((sum, { loads }) => sum + loads, 0)).toBe(1);
      expect(reports.map(({ values }) => values)).toEqual(reports.map(() => [1]));
      await Promise.all(processes.map(async ({ child }) => child.exitCode ?? (await once(child, 'exit'))));
    } finally {
      for (const { child } of processes) child.kill('SIGKILL');
    }
    const client = applicationClient(port);
    expect(await client.get(counter)).toBe('1');
    expect(await client.get(key)).toBe('1');
    client.disconnect();
  });
});

/** Long enough for a Redis that is well on a machine that is busy with other things. */
const TIMEOUT_MS = 200;
/** Generous beside time-out and load. */
const SLACK_MS = 5_000;
const LOAD_MS = 20;

interface OpenClient {
  readonly redis: CacheClient;
  close(): void;
}

type Endpoint = Pick<TestRedisServer, 'host' | 'port'>;

async function openIoredis({ port }: Endpoint): Promise<OpenClient> {
  const client = applicationClient(port);
  await once(client, 'ready');
  return { redis: fromIoredis(client), close: () => client.disconnect() };
}

async function openNodeRedis({ port }: Endpoint): Promise<OpenClient> {
  const client = nodeRedisClient(port);
  await client.connect();
  return { redis: fromNodeRedis(client), close: () => client.destroy() };
}

async function openNodeRedisCluster({ host, port }: Endpoint, server: Endpoint): Promise<OpenClient> {
  const nodeAddressMap = { [`127.0.0.1:${server.port}`]: { host, port } };
  const client = nodeRedisCluster(port, { nodeAddressMap });
  await client.connect();
  return { redis: fromNodeRedis(client), close: () => client.destroy() };
}

type StartServer = () => Promise<TestRedisServer>;
type OpenThrough = (proxy: Endpoint, server: Endpoint) => Promise<OpenClient>;

const clients: readonly (readonly [string, StartServer, OpenThrough])[] = [
  ['ioredis', startRedisServer, openIoredis],
  ['node-redis', startRedisServer, openNodeRedis],
  ['a cluster of node-redis', startOneNodeCluster, openNodeRedisCluster],
];

describe.each(clients)('with %s an outage of Redis', (_, startServer, openThrough) => {
  let server: TestRedisServer;
  let proxy: TcpProxy;
  /** Beside the proxy, for the test itself. */
  let direct: Redis;
  let client: OpenClient;
  let reader: Reader;
  let told: Told;
  let running = 0;
  let most = 0;

  beforeAll(async () => {
    server = await startServer();
    proxy = await startTcpProxy({ port: server.port });
    direct = applicationClient(server.port);
  });

  afterAll(async () => {
    direct.disconnect();
    await proxy.close();
    await server.destroy();
  });

  beforeEach(async () => {
    client = await openThrough(proxy, server);
    ({ reader, told } = readerOn(client.redis, {
      redisTimeout: TIMEOUT_MS,
      breaker: { failures: 5, openFor: '200ms' },
      loadLimit: { concurrent: 4, queue: 1_000, maxWait: '1m' },
    }));
    running = 0;
    most = 0;
  });

  afterEach(() => {
    proxy.thaw();
    reader.close();
    client.close();
  });

  const load = (): Promise<string> => slowly(LOAD_MS);

  async function slowly(ms: number): Promise<string> {
    running += 1;
    most = Math.max(most, running);
    await sleep(ms);
    running -= 1;
    return 'row';
  }

  const outages: readonly (readonly [string, () => Promise<void> | void, () => Promise<void> | void])[] = [
    ['is stopped', () => server.stop(), () => server.start()],
    ['is frozen, with its connections half-open', () => proxy.freeze(), () => proxy.thaw()],
    [
      'loses its replies',
      () => proxy.dropReplies(),
      () => {
        // What was swallowed never comes: only a new connection helps.
        proxy.cut();
        proxy.thaw();
      },
    ],
    ['refuses connections', () => proxy.refuse(), () => proxy.thaw()],
  ];

  test.each(outages)(
    'that %s: each read gets its row, few load at once, and the circuit opens and closes again',
    async (_, begin, end) => {
      expect(await reader.get(freshKey(), load)).toBe('row');
      await begin();
      try {
        // One after the other, each within its time-out and its load, until the circuit opens.
        for (let read = 0; reader.breaker === 'closed'; read += 1) {
          const start = performance.now();
          expect(await reader.get(freshKey(), load)).toBe('row');
          expect(performance.now() - start).toBeLessThan(TIMEOUT_MS + LOAD_MS + SLACK_MS);
          expect(read).toBeLessThan(20);
        }
        expect(told.lines).toContain('breaker open');

        const before = told.count('load redis ok');
        const many = Array.from({ length: 100 }, () => reader.get(freshKey(), load));
        expect(new Set(await Promise.all(many))).toEqual(new Set(['row']));
        expect(most).toBe(4);
        expect(told.count('load redis ok') - before).toBe(100);
      } finally {
        await end();
      }
      await eventually('the circuit is closed again', async () => {
        await reader.get(freshKey(), load);
        return reader.breaker === 'closed';
      });
      const key = freshKey();
      await eventually('a row is stored again', async () => {
        await reader.get(key, load);
        return (await direct.get(key)) === '"row"';
      });
    },
  );

  test('sends Redis one probe at a time while it lasts', async () => {
    proxy.freeze();
    await Promise.all(Array.from({ length: 10 }, () => reader.get(freshKey(), load)));
    expect(reader.breaker).toBe('open');
    await eventually('a probe failed', async () => {
      await Promise.all(Array.from({ length: 20 }, () => reader.get(freshKey(), load)));
      return told.count('breaker half-open') >= 2;
    });
    const sent = told.lines.filter((line) => line === 'redis get timeout').length;
    expect(sent).toBeLessThanOrEqual(10 + told.count('breaker half-open'));
  });

  test('refuses the reads that too many wait before, with a code, and an invalidation with another', async () => {
    reader.close();
    ({ reader } = readerOn(client.redis, {
      redisTimeout: '20ms',
      invalidateTimeout: '50ms',
      breaker: { failures: 1, openFor: '1m' },
      loadLimit: { concurrent: 2, queue: 3, maxWait: '1m' },
    }));
    proxy.freeze();
    await reader.get(freshKey(), load);
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => reader.get(freshKey(), load)));
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'UNSTALE_READER_LOAD_LIMIT' });
    await expect(reader.invalidate(freshKey())).rejects.toMatchObject({ code: 'UNSTALE_READER_INVALIDATE' });
  });

  test('in the middle of a fill loses the fill only, which counts if it arrives in time', async () => {
    const key = freshKey();
    const loadThenFreeze = (): Promise<string> => {
      proxy.freeze();
      return load();
    };
    expect(await reader.get(key, loadThenFreeze)).toBe('row');
    expect(told.lines).toContain('fill failed');
    proxy.thaw();
    await eventually('the fill arrives late', async () => (await direct.get(key)) === '"row"');
  });

  test('that delays the answer about a lease gives the lease back when it comes, so that nobody waits', async () => {
    const key = freshKey();
    const events: string[] = [];
    const slow = createReader({
      redis: client.redis,
      source: 'primary',
      redisTimeout: TIMEOUT_MS,
      lease: '10m',
      observer: {
        miss: () => proxy.delay(TIMEOUT_MS * 3),
        redis: ({ command, outcome }) => {
          events.push(`${command} ${outcome}`);
          if (outcome === 'timeout') proxy.thaw();
        },
      },
    });
    expect(await slow.get(key, load)).toBe('row');
    await eventually('the lease is given back', () => events.includes('fill ok'));
    expect(events).toEqual(['get ok', 'getOrLease timeout', 'fill ok']);
    expect(await reader.get(key, load)).toBe('row');
    expect(told.lines).toContain('fill stored');
    slow.close();
  });

  test('is not what a stall of the own event loop is', async () => {
    // The proxy would stall as well.
    const beside = await openThrough(server, server);
    const other = readerOn(beside.redis, { redisTimeout: TIMEOUT_MS });
    const reads = Array.from({ length: 20 }, () => other.reader.get('never stored', load, { noFill: true }));
    const until = performance.now() + TIMEOUT_MS * 3;
    while (performance.now() < until);
    await Promise.all(reads);
    expect(other.told.lines.filter((line) => line.startsWith('redis'))).toEqual([]);
    other.reader.close();
    beside.close();
  });
});
