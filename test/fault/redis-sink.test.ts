import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';

import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { freePort } from '../../scripts/servers/free-port.ts';
import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { RedisServer, RedisServerOptions } from '../../scripts/servers/redis-server.ts';
import type { ErrorCode } from '../../src/errors/catalog.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { eventually } from '../support/eventually.ts';
import {
  batchOf,
  applyOnce,
  applyUntilDurable,
  commandTimeout,
  deletesOf,
  durable,
  fill,
  generationsOf,
  numberedKeys,
  openSink,
  scopeOf,
  setsOf,
  socketTimeout,
  testClient,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function startServer(
  options: RedisServerOptions = {},
): Promise<{ server: RedisServer; client: Redis }> {
  const server = await startRedisServer(options);
  cleanUps.push(() => server.destroy());
  const client = testClient(server.port);
  cleanUps.push(() => client.disconnect());
  return { server, client };
}

async function startProxy(port: number): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ port });
  cleanUps.push(() => proxy.close());
  return proxy;
}

function open(port: number, options: Partial<RedisConnectionOptions> = {}): TestSink {
  const opened = openSink({ port, ...options });
  cleanUps.push(() => opened.connection.close());
  return opened;
}

async function ready(port: number): Promise<TestSink> {
  const opened = open(port);
  await opened.connection.checkReady(5_000);
  return opened;
}

const retryable = (code: ErrorCode) => ({ outcome: 'retryable', error: { code } });
const messagesOf = ({ lines }: TestSink): string[] => lines.map(({ message }) => message);

const keys = numberedKeys(1_200);
const deletes = deletesOf(keys);

describe.skipIf(!hasLocalRedis)('a server that goes away', () => {
  test('makes batches retryable, and durable again after its restart, on the same sink', async () => {
    const { server, client } = await startServer();
    const opened = await ready(server.port);
    await server.stop();

    await eventually('the loss is seen', () => messagesOf(opened).includes('lost the Redis connection'));
    expect(await applyOnce(opened.sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_UNREACHABLE'));
    await server.start();
    await fill(client, keys);

    const results = await applyUntilDurable(opened.sink, deletes);
    expect(results.at(-1)).toEqual(durable(keys.length));
    expect(await client.dbsize()).toBe(0);
    expect(messagesOf(opened)).toEqual([
      'connected to Redis',
      'lost the Redis connection',
      'connected to Redis',
    ]);
  });

  test('by SIGKILL in the middle of many batches leaves no batch open and none falsely durable', async () => {
    const { server } = await startServer();
    const { sink } = await ready(server.port);

    const batches = Array.from({ length: 20 }, (_, index) =>
      applyOnce(sink, deletesOf(numberedKeys(10_000, `batch:${index}:`))),
    );
    await batches[0];
    await server.kill();
    const results = await Promise.all(batches);

    const outcomes = new Set(results.map(({ outcome }) => outcome));
    expect(outcomes).toEqual(new Set(['durable', 'retryable']));
    for (const result of results) {
      if (result.outcome === 'retryable') {
        expect(result).toMatchObject(retryable('UNSTALE_REDIS_UNREACHABLE'));
      }
    }
  });

  test('and never was there is reported once and retried for ever', async () => {
    const port = await freePort();
    const opened = open(port);
    await expect(opened.connection.checkReady(700)).rejects.toMatchObject({
      code: 'UNSTALE_REDIS_UNREACHABLE',
    });
    expect(await applyOnce(opened.sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_UNREACHABLE'));
    expect(opened.lines).toEqual([
      {
        level: 'warn',
        message: 'cannot connect to Redis',
        fields: expect.objectContaining({ code: 'UNSTALE_REDIS_UNREACHABLE' }),
      },
    ]);
  });

  test('during a scope makes the batch retryable; the scope goes on where it was', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    await fill(client, numberedKeys(50_000, 'product:'));
    const opened = await ready(proxy.port);
    const { sink, replies } = opened;
    const batch = batchOf([scopeOf('product:*')]);
    const cursors = await watchCursors(client);

    const first = sink.apply(batch, new AbortController().signal);
    await eventually('some keys are removed', () => replies.length > 10, Boolean, { intervalMs: 1 });
    proxy.cut();

    expect(await first).toMatchObject(retryable('UNSTALE_REDIS_UNREACHABLE'));
    expect(await client.dbsize()).toBeGreaterThan(0);
    const results = await applyUntilDurable(sink, batch);
    expect(results.at(-1)).toMatchObject({ outcome: 'durable' });
    expect(await client.dbsize()).toBe(0);
    expect(messagesOf(opened).filter((message) => message.includes('scope'))).toEqual([
      'removing all keys of scopes',
      'removed all keys of scopes',
    ]);
    expect(cursors.filter((cursor) => cursor === '0')).toHaveLength(1);
  });

  test('because the server was restarted during a scope lets the scope begin anew', async () => {
    const { server, client } = await startServer();
    await fill(client, numberedKeys(50_000, 'product:'));
    const { sink, replies } = await ready(server.port);
    const batch = batchOf([scopeOf('product:*')]);

    const first = sink.apply(batch, new AbortController().signal);
    await eventually('some keys are removed', () => replies.length > 40, Boolean, { intervalMs: 1 });
    await server.kill();
    expect(await first).toMatchObject({ outcome: 'retryable' });
    await server.start();
    await eventually('the client of the test is back', () => client.ping().catch(() => ''), Boolean);
    await fill(client, numberedKeys(50_000, 'product:'));

    await applyUntilDurable(sink, batch);
    expect(await client.dbsize()).toBe(0);
  });
});

/** The cursors of all SCANs from now on. */
async function watchCursors(client: Redis): Promise<string[]> {
  const cursors: string[] = [];
  const monitor = await client.monitor();
  cleanUps.push(() => monitor.disconnect());
  monitor.on('monitor', (_time: string, args: string[]) => {
    if (args[0] === 'scan') cursors.push(args[1] ?? '');
  });
  return cursors;
}

describe.skipIf(!hasLocalRedis)('a server that does not answer', () => {
  test('because it is stopped by a signal makes the batch retryable, and takes it when it continues', async () => {
    const { server, client } = await startServer();
    await fill(client, keys);
    const { sink, replies } = await ready(server.port);
    server.freeze();

    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    // Two were in flight; the third command was not sent any more.
    expect(replies).toEqual(['timeout', 'timeout']);
    server.thaw();

    await applyUntilDurable(sink, deletes);
    expect(await client.dbsize()).toBe(0);
  });

  test('on a dead network path is left for a new connection', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    await fill(client, keys);
    const opened = await ready(proxy.port);
    proxy.freeze();

    expect(await applyOnce(opened.sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    // The dead connection is given up, and so is every new one that stays silent.
    await eventually('new connections are made', () => proxy.accepted >= 3, Boolean, {
      timeoutMs: 10 * (commandTimeout + socketTimeout),
    });
    expect(await applyOnce(opened.sink, deletes)).toMatchObject({ outcome: 'retryable' });
    proxy.thaw();

    await applyUntilDurable(opened.sink, deletes);
    expect(await client.dbsize()).toBe(0);
    expect(messagesOf(opened).filter((message) => message === 'connected to Redis')).toHaveLength(2);
  });

  test('but executes: the batch is sent again, and is durable with nothing left to remove', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    await fill(client, keys);
    const { sink } = await ready(proxy.port);
    proxy.dropReplies();

    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    expect(await client.dbsize()).toBe(200);
    proxy.cut();
    proxy.thaw();

    const results = await applyUntilDurable(sink, deletes);
    expect(results.at(-1)).toEqual(durable(200));
    expect(await client.dbsize()).toBe(0);
  });

  test('holds an aborted batch no longer than for the commands that are out', async () => {
    const { server } = await startServer();
    const { sink, replies } = await ready(server.port);
    server.freeze();
    const abort = new AbortController();

    const batches = [1, 2, 3].map((seq) => sink.apply(batchOf(deletes, seq), abort.signal));
    abort.abort();
    const results = await Promise.all(batches);

    expect(results.map(({ outcome }) => outcome)).toEqual(['retryable', 'retryable', 'retryable']);
    expect(results[2]).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    expect(replies).toHaveLength(2);
  });
});

describe.skipIf(!hasLocalRedis)('a server that refuses', () => {
  test('as a replica is left and asked again until it is a master', async () => {
    const { server: master } = await startServer();
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    const opened = await ready(proxy.port);
    await client.replicaof('127.0.0.1', master.port);

    expect(await applyOnce(opened.sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_READONLY'));
    await eventually('it reconnects', () => proxy.accepted === 2);
    await opened.connection.checkReady(5_000);
    expect(await applyOnce(opened.sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_READONLY'));
    await eventually('it reconnects again', () => proxy.accepted === 3);

    await client.replicaof('NO', 'ONE');
    await fill(client, keys);
    await applyUntilDurable(opened.sink, deletes);
    expect(await client.dbsize()).toBe(0);
    // The reconnects are ours and no news.
    expect(messagesOf(opened)).toEqual([
      'connected to Redis',
      'Redis does not execute commands',
      'Redis executes commands again',
    ]);
  });

  test('for want of replicas takes the batch when it no longer does', async () => {
    const { server, client } = await startServer();
    await fill(client, keys);
    const { sink, replies } = await ready(server.port);
    await client.config('SET', 'min-replicas-to-write', '1');

    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_REFUSES_WRITES'));
    expect(new Set(replies)).toEqual(new Set(['refuses_writes']));
    await client.config('SET', 'min-replicas-to-write', '0');

    expect(await applyOnce(sink, deletes)).toEqual(durable(keys.length));
  });

  test('because it cannot save takes the batch when it no longer does', async () => {
    const { server, client } = await startServer({ args: ['--save', '3600 1000000'] });
    await fill(client, keys);
    const { sink } = await ready(server.port);
    const [, directory] = await client.config('GET', 'dir');
    await rm(directory!, { recursive: true });
    await client.bgsave();
    await eventually('the save has failed', async () =>
      (await client.info('persistence')).includes('rdb_last_bgsave_status:err'),
    );

    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_REFUSES_WRITES'));
    await client.config('SET', 'stop-writes-on-bgsave-error', 'no');

    expect(await applyOnce(sink, deletes)).toEqual(durable(keys.length));
  });

  test('while it loads its data answers so, and takes the batch afterwards', async () => {
    const { server, client } = await startServer();
    await fill(client, keys);
    await client.save();
    const opened = await ready(server.port);
    await server.kill();
    // Microseconds a key; the server looks after its clients every 1 kB meanwhile.
    const slowly = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'];
    const started = server.start(slowly);

    const codes = new Set<unknown>();
    await eventually(
      'the batch is durable',
      async () => {
        const result = await applyOnce(opened.sink, deletes);
        if (result.outcome === 'retryable' && 'code' in result.error) codes.add(result.error.code);
        return result;
      },
      ({ outcome }) => outcome === 'durable',
    );
    await started;
    expect(codes).toContain('UNSTALE_REDIS_BUSY');
    expect(await client.dbsize()).toBe(0);
  });

  test('while a script runs answers so, and takes the batch afterwards', async () => {
    const { server, client } = await startServer({ args: ['--lua-time-limit', '20'] });
    await fill(client, keys);
    const { sink } = await ready(server.port);
    const other = testClient(server.port);
    cleanUps.push(() => other.disconnect());
    const script = other.eval('while true do end', 0).catch((error: unknown) => String(error));
    await eventually('the script holds the server', async () =>
      client.ping().then(
        () => false,
        () => true,
      ),
    );

    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_BUSY'));
    await client.script('KILL');
    expect(await script).toContain('killed');

    expect(await applyOnce(sink, deletes)).toEqual(durable(keys.length));
  });

  test('more memory still takes deletes', async () => {
    const { server, client } = await startServer();
    await fill(client, keys);
    const { sink } = await ready(server.port);
    await client.config('SET', 'maxmemory', '1');
    await expect(client.set('more', 'value')).rejects.toThrow('OOM');

    expect(await applyOnce(sink, deletes)).toEqual(durable(keys.length));
  });

  test('more clients is retried and poisons nothing', async () => {
    const { server, client } = await startServer();
    await client.config('SET', 'maxclients', '1');
    const opened = open(server.port);
    await expect(opened.connection.checkReady(300)).rejects.toMatchObject({ policy: { directive: 'retry' } });
    expect(await applyOnce(opened.sink, deletes)).toMatchObject({ outcome: 'retryable' });

    await client.config('SET', 'maxclients', '100');
    await applyUntilDurable(opened.sink, deletes);
  });

  test('a changed password is fatal, and the connection comes back when it is right again', async () => {
    const { server, client } = await startServer();
    const setPassword = (password: string) =>
      client.acl('SETUSER', 'unstale', 'reset', 'on', `>${password}`, '~*', '+@all');
    await setPassword('first');
    const opened = open(server.port, { username: 'unstale', password: 'first' });
    await opened.connection.checkReady(5_000);
    await setPassword('second');
    await client.client('KILL', 'USER', 'unstale');

    await eventually('the refusal is seen', () =>
      opened.lines.some(({ fields }) => fields['code'] === 'UNSTALE_REDIS_AUTH'),
    );
    await expect(applyOnce(opened.sink, deletes)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });

    await setPassword('first');
    await eventually('it is connected again', () => opened.connection.checkReady(0).then(() => true));
    expect(await applyOnce(opened.sink, deletes)).toEqual(durable(0));
  });
});

describe.skipIf(!hasLocalRedis)('a server that is no Redis', () => {
  let port: number;

  beforeEach(async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
    });
    port = await freePort();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(async () => {
      server.close();
      await once(server, 'close');
    });
  });

  test('is retried and poisons nothing', async () => {
    const { sink, connection } = open(port);
    await expect(connection.checkReady(300)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_UNREACHABLE' });
    expect(await applyOnce(sink, deletes)).toMatchObject(retryable('UNSTALE_REDIS_UNREACHABLE'));
  });
});

describe.skipIf(!hasLocalRedis)('sets, generations and publication', () => {
  const members = numberedKeys(50_000, 'page:');

  async function fillSet(client: Redis): Promise<void> {
    await fill(client, members);
    await client.sadd('deps', ...members);
  }

  test('a set is worked off to its end however often the connection is cut', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    await fillSet(client);
    const { sink, connection, replies } = await ready(proxy.port);

    let cuts = 0;
    let outcome = '';
    while (outcome !== 'durable') {
      await connection.checkReady(5_000);
      const seen = replies.length;
      const applying = applyOnce(sink, setsOf(['deps']));
      if (cuts < 5) {
        await eventually('commands are answered', () => replies.length > seen + 4, Boolean, {
          intervalMs: 1,
        });
        proxy.cut();
        cuts += 1;
      }
      ({ outcome } = await applying);
    }

    expect(cuts).toBe(5);
    expect(await client.dbsize()).toBe(0);
  });

  test('a set whose replies are lost is removed all the same, and nothing of it is left', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    await fillSet(client);
    const { sink } = await ready(proxy.port);
    proxy.dropReplies();
    expect(await applyOnce(sink, setsOf(['deps']))).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    proxy.cut();
    proxy.thaw();

    await applyUntilDurable(sink, setsOf(['deps']));
    expect(await client.dbsize()).toBe(0);
  });

  test('a kill in the middle of a set leaves no key that the set no longer names', async () => {
    const { server, client } = await startServer({
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    await fillSet(client);
    const { sink, replies } = await ready(server.port);

    const applying = applyOnce(sink, setsOf(['deps']));
    await eventually('some keys are gone', () => replies.length > 10, Boolean, { intervalMs: 1 });
    await server.kill();
    expect(await applying).toMatchObject({ outcome: 'retryable' });
    await server.start();
    await eventually('the client of the test is back', () => client.ping().catch(() => ''), Boolean);

    const named = new Set(await client.smembers('deps'));
    const left = (await client.keys('page:*')).filter((key) => !named.has(key));
    expect(named.size).toBeGreaterThan(0);
    expect(left).toEqual([]);
    await applyUntilDurable(sink, setsOf(['deps']));
    expect(await client.dbsize()).toBe(0);
  });

  test('a generation whose replies are lost never has an earlier value again', async () => {
    const { server, client } = await startServer();
    const proxy = await startProxy(server.port);
    const { sink } = await ready(proxy.port);
    await applyOnce(sink, generationsOf(['gen']));
    const before = Number(await client.get('gen'));
    proxy.dropReplies();
    expect(await applyOnce(sink, generationsOf(['gen']))).toMatchObject(retryable('UNSTALE_REDIS_TIMEOUT'));
    proxy.cut();
    proxy.thaw();

    await applyUntilDurable(sink, generationsOf(['gen']));
    expect(Number(await client.get('gen'))).toBeGreaterThan(before);
  });

  test('a generation that a restart without its data lost begins above all its values', async () => {
    const { server, client } = await startServer();
    const { sink } = await ready(server.port);
    for (let round = 0; round < 50; round += 1) await applyOnce(sink, generationsOf(['gen']));
    const before = Number(await client.get('gen'));
    await server.kill();
    await server.start();
    await eventually('the client of the test is back', () => client.ping().catch(() => ''), Boolean);
    expect(await client.get('gen')).toBeNull();

    await applyUntilDurable(sink, generationsOf(['gen']));
    expect(Number(await client.get('gen'))).toBeGreaterThan(before);
  });

  test('what could not be published is published when its batch is repeated, members of sets included', async () => {
    const { server, client } = await startServer();
    await fill(client, ['page:1']);
    await client.sadd('deps', 'page:1');
    await client.set('log', 'no stream');
    const opened = openSink({ port: server.port }, { publish: { stream: 'log' } });
    cleanUps.push(() => opened.connection.close());
    await opened.connection.checkReady(5_000);
    const commands = [...setsOf(['deps'])];

    expect(await applyOnce(opened.sink, commands)).toMatchObject({ outcome: 'poisoned' });
    expect(await client.exists('page:1')).toBe(0);
    expect(await client.smembers('deps')).toEqual(['page:1']);

    await client.del('log');
    await applyUntilDurable(opened.sink, commands);
    const entries = await client.xrange('log', '-', '+');
    expect(entries.map(([, [, message = '']]) => JSON.parse(message) as unknown)).toEqual([
      { keys: ['page:1'], generations: [], patterns: [] },
    ]);
    expect(await client.exists('deps')).toBe(0);
  });

  test('a publication that Redis refuses for a while makes the batch retryable', async () => {
    const { server, client } = await startServer();
    const opened = openSink({ port: server.port }, { publish: { stream: 'log' } });
    cleanUps.push(() => opened.connection.close());
    await opened.connection.checkReady(5_000);
    await fill(client, ['user:1']);
    await client.config('SET', 'maxmemory', '1');

    expect(await applyOnce(opened.sink, deletesOf(['user:1']))).toMatchObject(
      retryable('UNSTALE_REDIS_REFUSES_WRITES'),
    );
    expect(await client.dbsize()).toBe(0);
    await client.config('SET', 'maxmemory', '0');
    await applyUntilDurable(opened.sink, deletesOf(['user:1']));
    expect(await client.xlen('log')).toBe(1);
  });
});
