import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';
import { eventually } from '../support/eventually.ts';
import { eachLocalRedis } from '../support/local-redis.ts';
import {
  applyOnce,
  applyUntilDurable,
  batchOf,
  deletesOf,
  deletesOnly,
  durable,
  fill,
  generationsOf,
  numberedKeys,
  openSink,
  scopeOf,
  setsOf,
  testClient,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

eachLocalRedis('on %s', (implementation) => {
  let server: RedisServer;
  let client: Redis;
  const opened: TestSink[] = [];

  beforeAll(async () => {
    server = await startRedisServer({ implementation });
    client = testClient(server.port);
  });

  afterAll(async () => {
    client.disconnect();
    await server.destroy();
  });

  beforeEach(async () => {
    await client.flushall();
    await client.config('RESETSTAT');
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ connection }) => connection.close()));
  });

  async function readySink(
    options: Partial<RedisConnectionOptions> = {},
    sinkOptions: Partial<RedisSinkOptions> = {},
  ): Promise<TestSink> {
    const opening = open(options, sinkOptions);
    await opening.connection.checkReady(5_000);
    return opening;
  }

  function open(
    options: Partial<RedisConnectionOptions> = {},
    sinkOptions: Partial<RedisSinkOptions> = {},
  ): TestSink {
    const opening = openSink({ port: server.port, ...options }, sinkOptions);
    opened.push(opening);
    return opening;
  }

  async function callsOf(command: string): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  }

  async function remaining(): Promise<string[]> {
    return (await client.keys('*')).toSorted();
  }

  describe('deletes', () => {
    test('remove exactly the given keys, and those that existed are counted', async () => {
      await fill(client, ['user:1', 'user:2', 'user:3', 'user:10']);
      const { sink, replies } = await readySink();

      const result = await applyOnce(sink, deletesOf(['user:1', 'user:3', 'user:4']));

      expect(result).toEqual(durable(2));
      expect(await remaining()).toEqual(['user:10', 'user:2']);
      expect(replies).toEqual(['ok']);
    });

    test('of every type of value are removed, and any text is a key', async () => {
      const names = ['', ' ', 'ключ:1', 'a\r\nb', '\0', '*', 'emoji:😀', 'x'.repeat(70_000)];
      await fill(client, names);
      await client.lpush('list', 'a');
      await client.hset('hash', 'a', 'b');
      const { sink } = await readySink();

      const result = await applyOnce(sink, deletesOf([...names, 'list', 'hash']));

      expect(result).toEqual(durable(names.length + 2));
      expect(await remaining()).toEqual([]);
    });

    test('of 10,001 keys go in 21 commands of at most 500 keys', async () => {
      const keys = numberedKeys(10_001);
      await fill(client, [...keys, 'other']);
      const { sink, replies } = await readySink();

      const result = await applyOnce(sink, deletesOf(keys));

      expect(result).toEqual(durable(10_001));
      expect(await remaining()).toEqual(['other']);
      expect(await callsOf('unlink')).toBe(21);
      expect(replies).toEqual(Array.from({ length: 21 }, () => 'ok'));
    });

    test('of several batches at once are counted for each batch', async () => {
      const groups = [0, 1, 2, 3].map((group) => numberedKeys(2_345, `group:${group}:`));
      await fill(client, groups.flat());
      const { sink } = await readySink();

      const results = await Promise.all(groups.map((keys) => applyOnce(sink, deletesOf(keys))));

      expect(results).toEqual(groups.map(() => durable(2_345)));
      expect(await remaining()).toEqual([]);
    });

    test('go to the configured database only', async () => {
      const third = testClient(server.port, 3);
      await fill(client, ['user:1']);
      await fill(third, ['user:1']);
      const { sink } = await readySink({ db: 3 });

      expect(await applyOnce(sink, deletesOf(['user:1']))).toEqual(durable(1));

      expect(await remaining()).toEqual(['user:1']);
      expect(await third.dbsize()).toBe(0);
      third.disconnect();
    });

    test('that are none make a batch durable without a command', async () => {
      const { sink, replies } = open();
      expect(await applyOnce(sink, [])).toEqual(durable(0));
      expect(replies).toEqual([]);
    });

    test('are not sent after the abort', async () => {
      await fill(client, ['user:1']);
      const { sink, replies } = await readySink();

      const result = await sink.apply(batchOf([...deletesOf(['user:1']), scopeOf('*')]), AbortSignal.abort());

      expect(result).toMatchObject({ outcome: 'retryable', error: { code: 'UNSTALE_REDIS_TIMEOUT' } });
      expect(await remaining()).toEqual(['user:1']);
      expect(replies).toEqual([]);
    });

    test('that Redis does not know as a command poison the batch, without a key in the message', async () => {
      const old = await startRedisServer({ implementation, args: ['--rename-command', 'UNLINK', ''] });
      try {
        const { sink } = await readySink({ port: old.port });
        const result = await applyOnce(sink, deletesOf(['user:4711', 'user:4712']));
        expect(result).toMatchObject({
          outcome: 'poisoned',
          command: { kind: 'delete', key: 'user:4711' },
          error: {
            code: 'UNSTALE_REDIS_UNEXPECTED_REPLY',
            message: expect.stringContaining('unknown command'),
          },
        });
        expect(result).not.toMatchObject({ error: { message: expect.stringContaining('4711') } });
      } finally {
        await old.destroy();
      }
    });
  });

  describe('a scope', () => {
    test('removes the keys that match its pattern and no others', async () => {
      const matching = numberedKeys(3_210, 'product:');
      await fill(client, [...matching, 'product', 'products:1', 'my:product:1', 'user:1']);
      const { sink, lines } = await readySink();

      const result = await applyOnce(sink, [scopeOf('product:*')]);

      expect(result).toEqual(durable(0, 3_210));
      expect(await remaining()).toEqual(['my:product:1', 'product', 'products:1', 'user:1']);
      const fields = { patterns: ['product:*'], reasons: ['truncate'] };
      expect(lines.slice(1)).toEqual([
        { level: 'info', message: 'removing all keys of scopes', fields },
        {
          level: 'info',
          message: 'removed all keys of scopes',
          fields: { ...fields, removed: 3_210, durationMs: expect.any(Number) },
        },
      ]);
    });

    test.each([
      [String.raw`shop\[1\]:*`, ['shop[1]:a', 'shop[1]:'], ['shop1:a', String.raw`shop\[1\]:a`]],
      [String.raw`a\*b:*`, ['a*b:1'], ['axb:1', 'ab:1']],
      [String.raw`a\?:*`, ['a?:1'], ['ab:1']],
      [String.raw`a\\b:*`, [String.raw`a\b:1`], ['ab:1']],
      ['order:*:lines', ['order:1:lines', 'order:1:2:lines'], ['order:1', 'order:1:lines:2']],
      ['*', ['anything', ''], []],
    ])('takes %s as a glob with escapes', async (pattern, matching, others) => {
      await fill(client, [...matching, ...others]);
      const { sink } = await readySink();

      expect(await applyOnce(sink, [scopeOf(pattern)])).toEqual(durable(0, matching.length));
      expect(await remaining()).toEqual(others.toSorted());
    });

    test('is removed again when its batch is sent once more after it was acknowledged', async () => {
      const { sink } = await readySink();
      const batch = batchOf([...deletesOf(['user:1']), scopeOf('product:*')]);
      for (const { keys, result } of [
        { keys: ['user:1', 'product:1'], result: durable(1, 1) },
        { keys: ['product:1', 'product:2'], result: durable(0, 2) },
      ]) {
        await fill(client, keys);
        expect(await sink.apply(batch, new AbortController().signal)).toEqual(result);
        expect(await remaining()).toEqual([]);
      }
    });

    test('of several patterns is removed in one pass over the keyspace', async () => {
      const others = ['user:7', 'product', 'product:1:x', 'products:1', 'übel:1'];
      const gone = ['product:1', 'item:1:2', 'über:1', 'über:2', 'a*b:1', 'line\n:1'];
      await fill(client, [...gone, ...others]);
      const { sink, lines } = await readySink();

      const patterns = ['product:1', 'item:*:*', 'über:*', String.raw`a\*b:*`, 'line\n:*'];
      const result = await applyOnce(
        sink,
        patterns.map((pattern) => scopeOf(pattern)),
      );

      expect(result).toEqual(durable(0, gone.length));
      expect(await remaining()).toEqual(others.toSorted());
      expect(await callsOf('scan')).toBe(1);
      expect(lines.filter(({ message }) => message === 'removed all keys of scopes')).toHaveLength(1);
    });

    test('of several patterns with one beginning asks only for keys that have it', async () => {
      await fill(client, ['shop:user:1', 'shop:über:1', 'shop:x:1', 'other:user:1']);
      const { sink } = await readySink();
      const monitor = await client.monitor();
      const seen: string[][] = [];
      monitor.on('monitor', (_time: string, args: string[]) => seen.push(args));

      expect(
        await applyOnce(
          sink,
          ['shop:user:*', 'shop:über:*'].map((pattern) => scopeOf(pattern)),
        ),
      ).toMatchObject({
        swept: 2,
      });

      await eventually('the SCAN is seen', () => seen.some(([name]) => name === 'scan'));
      monitor.disconnect();
      expect(seen.find(([name]) => name === 'scan')).toContain('shop:*');
    });

    test('is removed on every node', async () => {
      const second = await startRedisServer({ implementation });
      const secondClient = testClient(second.port);
      try {
        await fill(client, [...numberedKeys(2_345, 'product:'), 'user:1']);
        await fill(secondClient, [...numberedKeys(1_234, 'product:'), 'user:2']);
        const { connection: other } = await readySink({ port: second.port });
        const { connection } = await readySink();
        const { sink } = open({}, { nodes: [connection, other] });

        const result = await applyOnce(sink, [scopeOf('product:*')]);

        expect(result).toEqual(durable(0, 3_579));
        expect(await remaining()).toEqual(['user:1']);
        expect(await secondClient.keys('*')).toEqual(['user:2']);
      } finally {
        secondClient.disconnect();
        await second.destroy();
      }
    });

    test('looks at no more keys in a second than it may', async () => {
      await fill(client, numberedKeys(6_000, 'product:'));
      const waited: number[] = [];
      const { sink } = await readySink(
        {},
        {
          scopeScanRate: 10_000,
          sleep: async (ms) => {
            waited.push(ms);
          },
        },
      );

      expect(await applyOnce(sink, [scopeOf('product:*')])).toMatchObject({ swept: 6_000 });
      // The clock stands nearly still, so that each page of 1,000 keys is due 100 ms after the one before it.
      expect(waited.length).toBeGreaterThanOrEqual(4);
      expect(waited.at(-1)).toBeGreaterThan(100);
    });

    test('holds no other batch up while it waits for its next page', async () => {
      await fill(client, [...numberedKeys(6_000, 'product:'), 'user:1']);
      const waiting = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const { sink } = await readySink(
        {},
        {
          scopeScanRate: 1_000,
          sleep: () => {
            waiting.resolve();
            return goOn.promise;
          },
        },
      );
      const scope = applyOnce(sink, [scopeOf('product:*')]);
      await waiting.promise;

      expect(await applyOnce(sink, deletesOf(['user:1']))).toEqual(durable(1));

      goOn.resolve();
      expect(await scope).toEqual(durable(0, 6_000));
    });

    test('removes keys that are not valid UTF-8', async () => {
      await client.set(Buffer.from([0x75, 0x3a, 0xff, 0x00, 0xc3]), 'value');
      const { sink } = await readySink();

      expect(await applyOnce(sink, [scopeOf('u:*')])).toEqual(durable(0, 1));
      expect(await client.dbsize()).toBe(0);
    });

    test('runs after the deletes of its batch', async () => {
      await fill(client, [...numberedKeys(1_500), 'product:1']);
      const { sink } = await readySink();
      const monitor = await client.monitor();
      const seen: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => seen.push(args[0] ?? ''));

      const commands = [scopeOf('product:*'), ...deletesOf(numberedKeys(1_500))];
      expect(await applyOnce(sink, commands)).toEqual(durable(1_500, 1));

      await eventually('the commands are seen', () => seen.at(-1) === 'unlink' && seen.includes('scan'));
      monitor.disconnect();
      const order = seen.filter((name) => name !== 'info');
      expect(order.slice(0, 4)).toEqual(['unlink', 'unlink', 'unlink', 'scan']);
    });
  });

  describe('a set of keys', () => {
    test('is removed with exactly the keys that it names', async () => {
      const keys = numberedKeys(3_210, 'page:');
      await fill(client, [...keys, 'page:other', 'user:1']);
      await client.sadd('deps:1', ...keys, 'page:absent');
      await client.sadd('deps:2', 'page:other');
      const { sink } = await readySink();

      expect(await applyOnce(sink, setsOf(['deps:1', 'deps:absent']))).toEqual(durable(0, 3_210));

      expect(await remaining()).toEqual(['deps:2', 'page:other', 'user:1']);
      expect(await client.smembers('deps:2')).toEqual(['page:other']);
    });

    test('of numbers, of bytes and of a single piece is read whole', async () => {
      const numbers = Array.from({ length: 512 }, (_, index) => String(index));
      const bytes = Buffer.from([0x75, 0x3a, 0xff, 0x00, 0xc3]);
      await fill(client, numbers);
      await client.set(bytes, 'value');
      await client.sadd('numbers', ...numbers);
      await client.sadd('bytes', bytes);
      const { sink } = await readySink({}, { keysPerCommand: 100 });

      expect(await applyOnce(sink, setsOf(['numbers', 'bytes']))).toEqual(durable(0, 513));
      expect(await client.dbsize()).toBe(0);
    });

    test('names every key that is left, whatever the application adds meanwhile', async () => {
      const pages = numberedKeys(700, 'page:');
      const { sink } = await readySink({}, { keysPerCommand: 50 });
      const done = new AbortController();
      let written = 0;
      const write = async (): Promise<void> => {
        while (!done.signal.aborted) {
          const page = pages[written % pages.length] ?? '';
          written += 1;
          await client.multi().sadd('deps', page).set(page, 'value').exec();
        }
      };
      const writer = write();
      for (let round = 0; round < 60; round += 1) {
        expect(await applyOnce(sink, setsOf(['deps']))).toMatchObject({ outcome: 'durable' });
      }
      done.abort();
      await writer;

      const named = new Set(await client.smembers('deps'));
      expect((await client.keys('page:*')).filter((key) => !named.has(key))).toEqual([]);
      expect(written).toBeGreaterThan(60);
    });

    test('removes keys and membership in one transaction', async () => {
      await fill(client, ['page:1', 'page:2']);
      await client.sadd('deps', 'page:1', 'page:2');
      const { sink } = await readySink();
      const monitor = await client.monitor();
      const seen: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => seen.push(args[0] ?? ''));

      expect(await applyOnce(sink, setsOf(['deps']))).toEqual(durable(0, 2));

      await eventually('the end is seen', () => seen.includes('exec'));
      monitor.disconnect();
      expect(seen.filter((name) => name !== 'info')).toEqual(['sscan', 'multi', 'unlink', 'srem', 'exec']);
    });

    test('that is something else is removed, and said once', async () => {
      await client.set('deps:1', 'text');
      await client.hset('deps:2', 'a', 'b');
      const { sink, lines } = await readySink();

      expect(await applyOnce(sink, setsOf(['deps:1', 'deps:2']))).toEqual(durable(0, 2));
      expect(await client.dbsize()).toBe(0);
      expect(lines.filter(({ level }) => level === 'warn')).toEqual([
        { level: 'warn', message: expect.stringContaining('should be a set'), fields: { rule: 'rules[0]' } },
      ]);
    });

    test('is removed for every key that matches a scope of sets, before a plain scope takes the sets', async () => {
      const pages = numberedKeys(900, 'page:');
      await fill(client, [...pages, 'page:kept', 'text:1', 'deps:text']);
      await client.sadd('deps:1', ...pages.slice(0, 700));
      await client.sadd('deps:2', ...pages.slice(700));
      await client.sadd('other:1', 'page:kept');
      const { sink } = await readySink();

      const commands = [scopeOf('text:*'), scopeOf('deps:*'), scopeOf('deps:*', true)];
      expect(await applyOnce(sink, commands)).toMatchObject({ outcome: 'durable', swept: 902 });
      expect(await remaining()).toEqual(['other:1', 'page:kept']);
    });

    test('of an account that may not run a transaction is fatal', async () => {
      await fill(client, ['page:1']);
      await client.sadd('deps', 'page:1');
      const rights = ['~*', '-@all', '+unlink', '+sscan', '+srem', '+multi'];
      await client.acl('SETUSER', 'noexec', 'reset', 'on', '>secret', ...rights);
      const { sink, connection } = await readySink({ username: 'noexec', password: 'secret' });

      await expect(applyOnce(sink, setsOf(['deps']))).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_PERMISSION',
      });
      const sample = { ...deletesOnly([]), sets: ['deps'] };
      await expect(connection.probe(sample)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_PERMISSION' });
    });
  });

  describe('a generation', () => {
    /** µs since the epoch, as the server begins a counter. */
    const micros = async (): Promise<number> => {
      const [seconds, rest] = await client.time();
      return Number(seconds) * 1_000_000 + Number(rest);
    };

    test('is incremented once a batch, and again for every repetition', async () => {
      await client.set('gen', '41');
      const { sink } = await readySink();
      const batch = batchOf(generationsOf(['gen', 'gen']));

      expect(await sink.apply(batch, new AbortController().signal)).toEqual(durable(0));
      expect(await client.get('gen')).toBe('42');
      await sink.apply(batch, new AbortController().signal);
      expect(await client.get('gen')).toBe('43');
    });

    test('that is not there begins at the time, never at a value that it had', async () => {
      const { sink } = await readySink();
      const values = new Set<string | null>();
      let latest = await micros();
      for (let round = 0; round < 20; round += 1) {
        await client.del('gen');
        await applyOnce(sink, generationsOf(['gen']));
        values.add(await client.get('gen'));
        await applyOnce(sink, generationsOf(['gen']));
        values.add(await client.get('gen'));
        expect(Number(await client.get('gen'))).toBeGreaterThan(latest);
        latest = Number(await client.get('gen'));
      }
      expect(values.size).toBe(40);
      expect(latest).toBeLessThan(Number.MAX_SAFE_INTEGER);
    });

    test.each([
      ['text', () => client.set('gen', 'v1')],
      ['a fraction', () => client.set('gen', '1.5')],
      ['the largest integer', () => client.set('gen', '9223372036854775807')],
      ['a list', () => client.rpush('gen', '1')],
      ['a zero, which is taken for a counter that has just begun', () => client.set('gen', '0')],
    ])('that is %s is set to the time, beside others', async (_title, prepare) => {
      await prepare();
      await client.set('good', '7');
      const { sink } = await readySink();
      const before = await micros();

      expect(await applyOnce(sink, generationsOf(['good', 'gen']))).toEqual(durable(0));

      expect(Number(await client.get('gen'))).toBeGreaterThanOrEqual(before);
      expect(await client.get('good')).toBe('8');
      await applyOnce(sink, generationsOf(['gen']));
      expect(Number(await client.get('gen'))).toBeGreaterThan(before);
    });

    test('that cannot be incremented is reported once, by its rule', async () => {
      await client.mset('gen:1', 'a', 'gen:2', 'b');
      const { sink, lines } = await readySink();
      await applyOnce(sink, generationsOf(['gen:1', 'gen:2']));
      await client.set('gen:1', 'c');
      await applyOnce(sink, generationsOf(['gen:1']));
      expect(lines.filter(({ level }) => level === 'warn')).toEqual([
        { level: 'warn', message: expect.stringContaining('generation'), fields: { rule: 'rules[0]' } },
      ]);
    });

    test('that goes between its beginning and its increment is set to a new time', async () => {
      const { connection } = await readySink();
      // As if the key had been evicted there: the increment began at 1.
      const evicting: RedisConnection = {
        ...connection,
        increment: async (keys, start) => {
          await connection.increment(keys, start);
          await client.del(...keys);
          await client.set('gen', '0');
          return connection.increment(keys, start);
        },
      };
      const before = await micros();
      expect(await applyOnce(open({}, { connection: evicting }).sink, generationsOf(['gen']))).toEqual(
        durable(0),
      );
      expect(Number(await client.get('gen'))).toBeGreaterThan(before);
    });

    test('waits until there is memory, as an increment needs some and a delete does not', async () => {
      await client.set('gen', '1');
      const { sink } = await readySink();
      await client.config('SET', 'maxmemory', '1');
      try {
        expect(await applyOnce(sink, generationsOf(['gen']))).toMatchObject({
          outcome: 'retryable',
          error: { code: 'UNSTALE_REDIS_REFUSES_WRITES' },
        });
      } finally {
        await client.config('SET', 'maxmemory', '0');
      }
      await applyUntilDurable(sink, generationsOf(['gen']));
      expect(await client.get('gen')).toBe('2');
    });
  });

  test('a batch goes in the order deletes, sets, generations, scopes', async () => {
    await fill(client, ['user:1', 'page:1', 'product:1']);
    await client.sadd('deps', 'page:1');
    await client.set('gen', '1');
    const { sink } = await readySink();
    const monitor = await client.monitor();
    const seen: string[] = [];
    monitor.on('monitor', (_time: string, args: string[]) => seen.push(args[0] ?? ''));

    const commands = [
      scopeOf('product:*'),
      ...generationsOf(['gen']),
      ...setsOf(['deps']),
      ...deletesOf(['user:1']),
    ];
    expect(await applyOnce(sink, commands)).toEqual(durable(1, 2));

    await eventually('the scope is seen', () => seen.at(-1) === 'unlink' && seen.includes('scan'));
    monitor.disconnect();
    expect(seen.filter((name) => ['unlink', 'sscan', 'incr', 'scan'].includes(name))).toEqual([
      'unlink',
      'sscan',
      'unlink',
      'incr',
      'scan',
      'unlink',
    ]);
  });

  describe('publication', () => {
    const publish = { channel: 'unstale:removed', stream: 'unstale:log' };

    async function streamed(): Promise<unknown[]> {
      const entries = await client.xrange('unstale:log', '-', '+');
      return entries.map(([, [name, message = '']]) => {
        expect(name).toBe('message');
        return JSON.parse(message) as unknown;
      });
    }

    test('tells channel and stream the same of keys, members, generations and patterns', async () => {
      await fill(client, ['page:1', 'item:1']);
      await client.sadd('deps', 'page:1');
      await client.sadd('more:1', 'item:1');
      const { sink } = await readySink({}, { publish });
      const subscriber = testClient(server.port);
      const heard: unknown[] = [];
      subscriber.on('message', (_channel: string, message: string) => heard.push(JSON.parse(message)));
      await subscriber.subscribe('unstale:removed');

      const commands = [
        ...deletesOf(['user:1', 'ключ']),
        ...setsOf(['deps']),
        ...generationsOf(['gen']),
        scopeOf('product:*'),
        scopeOf('more:*', true),
      ];
      expect(await applyOnce(sink, commands)).toEqual(durable(0, 2));

      const expected = [
        { keys: ['user:1', 'ключ'], generations: [], patterns: [] },
        { keys: ['page:1'], generations: [], patterns: [] },
        { keys: [], generations: ['gen'], patterns: [] },
        { keys: ['item:1'], generations: [], patterns: [] },
        { keys: [], generations: [], patterns: ['product:*', 'more:*'] },
      ];
      expect(await streamed()).toEqual(expected);
      await eventually('all is heard', () => heard.length === expected.length);
      expect(heard).toEqual(expected);
      subscriber.disconnect();
    });

    test('comes in messages of at most 500 keys', async () => {
      const { sink } = await readySink({}, { publish });
      await applyOnce(sink, deletesOf(numberedKeys(1_200)));
      const messages = await streamed();
      expect(messages.map((message) => (message as { keys: string[] }).keys.length)).toEqual([500, 500, 200]);
    });

    test('in a stream is bounded', async () => {
      const { sink } = await readySink({}, { publish: { stream: 'unstale:log', maxLen: 10 } });
      for (let round = 0; round < 300; round += 1) await applyOnce(sink, deletesOf(['user:1']));
      expect(await client.xlen('unstale:log')).toBeLessThan(300);
    });

    test('comes after the key is gone', async () => {
      await fill(client, ['user:1']);
      const { sink } = await readySink({}, { publish: { channel: 'unstale:removed' } });
      const monitor = await client.monitor();
      const seen: string[] = [];
      monitor.on('monitor', (_time: string, args: string[]) => seen.push(args[0] ?? ''));
      await applyOnce(sink, deletesOf(['user:1']));
      await eventually('the message is seen', () => seen.includes('publish'));
      monitor.disconnect();
      expect(seen.filter((name) => name !== 'info')).toEqual(['unlink', 'publish']);
    });

    test('to a key that is no stream poisons the batch, behind its deletes', async () => {
      await fill(client, ['user:1', 'unstale:log']);
      const { sink } = await readySink({}, { publish });
      expect(await applyOnce(sink, deletesOf(['user:1']))).toMatchObject({
        outcome: 'poisoned',
        command: { kind: 'delete', key: 'user:1' },
        error: { code: 'UNSTALE_REDIS_UNEXPECTED_REPLY' },
      });
      expect(await remaining()).toEqual(['unstale:log']);
    });

    test('that is not permitted is fatal', async () => {
      const rights = ['~*', 'resetchannels', '+@all'];
      await client.acl('SETUSER', 'mute', 'reset', 'on', '>secret', ...rights);
      const { sink, connection } = await readySink({ username: 'mute', password: 'secret' }, { publish });
      const refusal = { code: 'UNSTALE_REDIS_PERMISSION' };
      await expect(applyOnce(sink, deletesOf(['user:1']))).rejects.toMatchObject(refusal);
      await expect(connection.probe({ ...deletesOnly([]), publish })).rejects.toMatchObject(refusal);
    });
  });

  describe('credentials', () => {
    test('of an ACL user that may do what unstale needs are enough', async () => {
      await client.acl(
        'SETUSER',
        'enough',
        'on',
        '>secret',
        '~user:*',
        '-@all',
        '+unlink',
        '+scan',
        '+select',
      );
      await fill(client, ['user:1', 'user:2']);
      const { sink } = await readySink({ username: 'enough', password: 'secret' });

      const result = await applyOnce(sink, [...deletesOf(['user:1']), scopeOf('user:*')]);
      expect(result).toEqual(durable(1, 1));
    });

    test('of an ACL user without UNLINK are fatal at the first delete', async () => {
      await client.acl('SETUSER', 'reader', 'on', '>secret', '~*', '+@all', '-unlink');
      await fill(client, ['user:1']);
      const { sink, replies } = await readySink({ username: 'reader', password: 'secret' });

      await expect(applyOnce(sink, deletesOf(['user:1']))).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_PERMISSION',
      });
      expect(await remaining()).toEqual(['user:1']);
      expect(replies).toEqual(['permission']);
    });

    test('that are wrong are fatal, at once and without a retry by the caller', async () => {
      await client.acl('SETUSER', 'wrong', 'on', '>secret', '~*', '+@all');
      const { sink, connection, lines } = open({ username: 'wrong', password: 'mistyped' });

      await expect(connection.checkReady(60_000)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });
      await expect(applyOnce(sink, deletesOf(['user:1']))).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_AUTH',
      });
      expect(JSON.stringify(lines)).not.toContain('mistyped');
    });

    test('that are missing are fatal where the server requires a password', async () => {
      const locked = await startRedisServer({ implementation, args: ['--requirepass', 'secret'] });
      try {
        const { connection, sink } = open({ port: locked.port });
        await expect(connection.checkReady(60_000)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });
        await expect(applyOnce(sink, deletesOf(['a']))).rejects.toMatchObject({ code: 'UNSTALE_REDIS_AUTH' });

        const { sink: withPassword } = await readySink({ port: locked.port, password: 'secret' });
        expect(await applyOnce(withPassword, deletesOf(['a']))).toEqual(durable(0));
      } finally {
        await locked.destroy();
      }
    });
  });

  test('a database that does not exist is fatal, and nothing is removed from database 0 instead', async () => {
    await fill(client, ['user:1']);
    const { connection, sink } = open({ db: 99 });

    await expect(connection.checkReady(60_000)).rejects.toMatchObject({
      code: 'UNSTALE_CONFIG_INVALID',
      message: expect.stringContaining('99'),
    });
    await expect(applyOnce(sink, deletesOf(['user:1']))).rejects.toMatchObject({
      code: 'UNSTALE_CONFIG_INVALID',
    });
    expect(await remaining()).toEqual(['user:1']);
  });

  test('a Unix domain socket is reached by its path', async () => {
    const [, directory] = await client.config('GET', 'dir');
    const path = `${directory}/redis.sock`;
    const local = await startRedisServer({ implementation, args: ['--unixsocket', path] });
    try {
      const { sink } = await readySink({ port: 1, socketPath: path });
      expect(await applyOnce(sink, deletesOf(['a']))).toEqual(durable(0));
    } finally {
      await local.destroy();
    }
  });

  describe('the probe', () => {
    const everything = {
      scripts: [],
      values: [],
      deletes: ['user:1'],
      generations: ['gen'],
      sets: ['deps'],
      publish: { channel: 'removed', stream: 'log' },
    };
    const rightsOfEverything =
      '~* &removed -@all +multi +exec +unlink +scan +sscan +srem +time +set +incr +publish +xadd'.split(' ');

    test('of everything changes nothing, with no more rights than the documented ones', async () => {
      await fill(client, ['user:1']);
      await client.sadd('deps', 'user:1');
      await client.acl('SETUSER', 'all', 'reset', 'on', '>secret', ...rightsOfEverything);
      const { connection, sink } = await readySink(
        { username: 'all', password: 'secret' },
        { publish: everything.publish },
      );
      expect(await connection.probe(everything)).toBe('permitted');
      expect(await remaining()).toEqual(['deps', 'user:1']);

      const commands = [...deletesOf(['user:1']), ...setsOf(['deps']), ...generationsOf(['gen'])];
      expect(await applyOnce(sink, commands)).toEqual(durable(1, 0));
      expect(await remaining()).toEqual(['gen', 'log']);
    });

    test.each(['exec', 'unlink', 'scan', 'sscan', 'srem', 'time', 'set', 'incr', 'publish', 'xadd'])(
      'of everything throws without the right to %s, and names it',
      async (name) => {
        const rules = [...rightsOfEverything, `-${name}`];
        await client.acl('SETUSER', 'lacking', 'reset', 'on', '>secret', ...rules);
        const { connection } = await readySink({ username: 'lacking', password: 'secret' });
        await expect(connection.probe(everything)).rejects.toMatchObject({
          code: 'UNSTALE_REDIS_PERMISSION',
          message: expect.stringContaining(name),
        });
        expect(await remaining()).toEqual([]);
      },
    );

    test('of everything names all rights that are missing, also those to keys and channels', async () => {
      const rights = [
        '~user:*',
        '-@all',
        '+multi',
        '+exec',
        '+unlink',
        '+scan',
        '+time',
        '+publish',
        '+sscan',
        '+srem',
        '+incr',
      ];
      await client.acl('SETUSER', 'few', 'reset', 'on', '>secret', ...rights);
      const { connection } = await readySink({ username: 'few', password: 'secret' });
      await expect(connection.probe(everything)).rejects.toMatchObject({
        message: 'the Redis user lacks the rights ~deps +set ~gen &removed +xadd',
      });
    });

    test('without the right to MULTI does not know of generations and publication', async () => {
      await client.acl('SETUSER', 'single', 'reset', 'on', '>secret', ...rightsOfEverything, '-multi');
      const { connection } = await readySink({ username: 'single', password: 'secret' });
      expect(await connection.probe({ ...everything, sets: [] })).toBe('unknown');
      await expect(connection.probe(everything)).rejects.toMatchObject({ code: 'UNSTALE_REDIS_PERMISSION' });
      expect(await remaining()).toEqual([]);
    });

    test('finds that deletes are permitted and removes nothing', async () => {
      await fill(client, ['user:1', 'product:1']);
      const { connection } = await readySink();

      expect(await connection.probe(deletesOnly(['user:1', 'product:1']))).toBe('permitted');
      expect(await remaining()).toEqual(['product:1', 'user:1']);
      expect(await callsOf('unlink')).toBe(0);
    });

    test.each([
      ['the command is not permitted', ['~*', '+@all', '-unlink']],
      ['a key is not permitted', ['~user:*', '+@all']],
    ])('throws when %s', async (_title, rules) => {
      await fill(client, ['user:1', 'product:1']);
      await client.acl('SETUSER', 'probed', 'reset', 'on', '>secret', ...rules);
      const { connection } = await readySink({ username: 'probed', password: 'secret' });

      await expect(connection.probe(deletesOnly(['user:1', 'product:1']))).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_PERMISSION',
      });
      expect(await remaining()).toEqual(['product:1', 'user:1']);
    });

    test('without the right to MULTI asks with keys that do not exist, and admits when that says nothing', async () => {
      await fill(client, ['user:1', 'product:1']);
      await client.acl(
        'SETUSER',
        'plain',
        'reset',
        'on',
        '>secret',
        '~user:*',
        '~product:1',
        '-@all',
        '+unlink',
        '+scan',
      );
      const { connection } = await readySink({ username: 'plain', password: 'secret' });

      expect(await connection.probe(deletesOnly(['user:1']))).toBe('permitted');
      expect(await connection.probe(deletesOnly(['product:1']))).toBe('unknown');
      expect(await remaining()).toEqual(['product:1', 'user:1']);
    });

    test('throws what a delete would meet on a server that refuses writes', async () => {
      const { connection } = await readySink();
      await client.config('SET', 'min-replicas-to-write', '1');
      try {
        await expect(connection.probe(deletesOnly(['user:1']))).rejects.toMatchObject({
          code: 'UNSTALE_REDIS_REFUSES_WRITES',
        });
      } finally {
        await client.config('SET', 'min-replicas-to-write', '0');
      }
    });

    test('throws the reason when there is no connection', async () => {
      const { connection } = open({ username: 'nobody', password: 'secret' });
      await expect(connection.probe(deletesOnly(['user:1']))).rejects.toMatchObject({
        code: 'UNSTALE_REDIS_AUTH',
      });
    });
  });

  describe('the connection', () => {
    test('tells what server it is on, or nothing to a user who may not ask', async () => {
      const { connection } = await readySink();
      expect(await connection.info()).toEqual({
        implementation: implementation === 'valkey' ? 'valkey' : 'redis',
        version: server.version,
        runId: expect.stringMatching(/^[0-9a-f]{40}$/),
        role: 'master',
        maxmemoryPolicy: 'noeviction',
        replId: expect.stringMatching(/^[0-9a-f]{40}$/),
        formerReplId: undefined,
        load: expect.objectContaining({ evictedKeys: 0, blockedClients: 0, replicas: 0 }),
      });

      await client.acl('SETUSER', 'quiet', 'on', '>secret', '~*', '-@all', '+unlink');
      const quiet = await readySink({ username: 'quiet', password: 'secret' });
      expect(await quiet.connection.info()).toBeUndefined();
    });

    test('is named in the list of clients', async () => {
      await readySink({ clientName: 'unstale:shop' });
      expect(await client.client('LIST')).toContain('name=unstale:shop');
    });

    test('that is closed refuses, and closing it again does nothing', async () => {
      const { connection, sink, lines } = await readySink();
      await connection.close();
      await connection.close();
      expect(await applyOnce(sink, deletesOf(['user:1']))).toMatchObject({
        outcome: 'retryable',
        error: { code: 'UNSTALE_REDIS_UNREACHABLE' },
      });
      expect(lines.map(({ message }) => message)).toEqual(['connected to Redis']);
    });

    test('can be closed before it is made', async () => {
      const { connection, lines } = open();
      await connection.close();
      expect(lines).toEqual([]);
    });
  });
});
