import { Redis } from 'ioredis';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UpdateOutcome } from '../../src/change/command.ts';
import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { fill, getOrLease, invalidate, SCRIPTS, update } from '../../src/protocol/scripts.ts';
import type { FillReply } from '../../src/protocol/scripts.ts';
import { eventually } from '../support/eventually.ts';
import { callScript, loadScripts } from '../support/protocol-client.ts';
import { redisImplementations, startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';

const tombstoneMs = 60_000;
const ttlMs = 60_000;
const noHold = { tombstoneMs, holdMs: 0, gtid: '' };
const [older, newer] = [rowVersion(1)!, rowVersion(2)!];

describe.each(await redisImplementations())('on %s', (implementation) => {
  let server: TestRedisServer;
  let redis: Redis;
  const key = 'user:1';
  const companion = companionKey(key);

  beforeAll(async () => {
    server = await startRedisServer({ implementation });
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.destroy();
  });
  beforeEach(async () => {
    await redis.flushall();
    await redis.config('SET', 'maxmemory', 0);
    await loadScripts(redis);
  });

  const lease = async (token: string): Promise<string> =>
    (await callScript(redis, getOrLease({ key, token, leaseMs: 60_000 }))).kind;
  const store = async (token: string, version = older): Promise<FillReply> =>
    callScript(redis, fill({ key, token, value: 'read', ttlMs, version, source: 'primary', tombstoneMs }));
  const change = async (create: boolean, version = newer): Promise<UpdateOutcome | undefined> => {
    const policy = { form: 'string', ttlMs, ttlJitter: 0, create } as const;
    const [reply] = await callScript(
      redis,
      update([{ key, version, value: 'changed' }], { tombstoneMs, policy }),
    );
    return reply;
  };
  /** Nothing may be added any more, and nothing is evicted. */
  const runOutOfMemory = async (): Promise<void> => {
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'maxmemory', 1);
  };

  describe('where Redis is out of memory', () => {
    it('an invalidation still removes the value, voids the lease, raises the floor and sets the hold', async () => {
      await lease('a');
      await store('a');
      await redis.hset(companion, 'l', 'b', 'x', '9999999999999');
      await runOutOfMemory();
      const options = { tombstoneMs, holdMs: 5_000, gtid: '0-1-1' };
      expect(await callScript(redis, invalidate([{ key, version: newer }], options))).toBe(1);
      expect(await redis.exists(key)).toBe(0);
      const { p, ...rest } = await redis.hgetall(companion);
      expect(rest).toEqual({ f: newer, g: '0-1-1' });
      expect(Number(p)).toBeGreaterThan(0);
    });

    it('an invalidation of what is not cached is remembered', async () => {
      await runOutOfMemory();
      expect(await callScript(redis, invalidate([{ key, version: newer }], noHold))).toBe(0);
      expect(await redis.hgetall(companion)).toEqual({ f: newer });
      expect(await redis.pttl(companion)).toBeGreaterThan(0);
    });

    it('an update replaces a value that is there', async () => {
      await lease('a');
      await store('a');
      await runOutOfMemory();
      expect(await change(false)).toBe('stored');
      expect(await redis.get(key)).toBe('changed');
      expect(await redis.hget(companion, 'f')).toBe(newer);
    });

    it('an update drops a value of unknown age', async () => {
      await redis.set(key, 'unknown');
      await runOutOfMemory();
      expect(await change(false)).toBe('dropped');
      expect(await redis.exists(key)).toBe(0);
    });

    it('an update that would create a key fails and changes nothing', async () => {
      await callScript(redis, invalidate([{ key, version: older }], noHold));
      await runOutOfMemory();
      await expect(change(true)).rejects.toThrow(/OOM/);
      expect(await redis.exists(key)).toBe(0);
      expect(await redis.hgetall(companion)).toEqual({ f: older });
    });

    it('a lease fails and changes nothing, so that its reader reads the database', async () => {
      await runOutOfMemory();
      await expect(lease('a')).rejects.toThrow(/OOM/);
      expect(await redis.dbsize()).toBe(0);
    });

    it('a fill under a lease from before is stored as it would be, and later refused as it would be', async () => {
      await lease('a');
      await runOutOfMemory();
      expect(await store('a')).toBe('stored');
      expect(await redis.get(key)).toBe('read');
      expect(await store('a')).toBe('voided');
    });
  });

  it('a script that the server does not know changes nothing, and works once it is sent', async () => {
    await redis.script('FLUSH');
    await expect(lease('a')).rejects.toThrow(/NOSCRIPT/);
    expect(await redis.dbsize()).toBe(0);
    const { script, keys, args, read } = getOrLease({ key, token: 'a', leaseMs: 60_000 });
    const reply = read(await redis.eval(script.source, keys.length, ...keys, ...args));
    expect(reply).toEqual({ kind: 'lease', holdMs: 0, gtid: '', floor: '' });
    expect(await lease('b')).toBe('wait');
  });

  it('a lease whose reply was lost is given again to its own token, with its full time, and to no other', async () => {
    expect(await lease('a')).toBe('lease');
    await redis.hset(companion, 'x', String(Date.now() + 1_000));
    expect(await lease('b')).toBe('wait');
    expect(await lease('a')).toBe('lease');
    expect(Number(await redis.hget(companion, 'x'))).toBeGreaterThan(Date.now() + 30_000);
    expect(await store('a')).toBe('stored');

    expect(await lease('c')).toBe('hit');
    await redis.unlink(key);
    expect(await lease('c')).toBe('lease');
    await change(false);
    expect(await lease('c')).toBe('lease');
  });

  it('the server names the scripts as the client does', async () => {
    expect(await loadScripts(redis)).toEqual(SCRIPTS.map(({ sha1 }) => sha1));
  });

  it('bytes that are no text are stored and read as they are', async () => {
    const value = Buffer.from([0, 255, 13, 10, 128]);
    await lease('a');
    await callScript(redis, fill({ key, token: 'a', value, ttlMs, source: 'primary', tombstoneMs }));
    const { script, keys, args, read } = getOrLease({ key, token: 'b', leaseMs: 60_000 });
    const reply = await redis.callBuffer('EVALSHA', script.sha1, keys.length, ...keys, ...args);
    expect(read(reply)).toEqual({ kind: 'hit', value });
  });
});

describe.each(await redisImplementations())('in a cluster on %s', (implementation) => {
  let server: TestRedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedisServer({ implementation, args: ['--cluster-enabled', 'yes'] });
    redis = new Redis(server.url, { enableReadyCheck: false });
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await eventually(
      'the cluster has all its slots',
      async () => String(await redis.call('CLUSTER', 'INFO')),
      (info) => info.includes('cluster_state:ok'),
    );
    await loadScripts(redis);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.destroy();
  });

  it('each key and its companion are in one slot, and every script may use both', async () => {
    const adversarial = fc.string({
      unit: fc.constantFrom('a', 'b', '{', '}', ':', '1', 'é', '\u0000', 'unstale:', '😀'),
      minLength: 1,
      maxLength: 9,
    });
    const seed = Math.trunc(Math.random() * 2 ** 31);
    for (const key of new Set(fc.sample(adversarial, { numRuns: 700, seed }))) {
      const says = `seed ${seed}, key ${JSON.stringify(key)}`;
      const slots = [key, companionKey(key)].map(async (name) => redis.call('CLUSTER', 'KEYSLOT', name));
      const [slot, companionSlot] = await Promise.all(slots);
      expect(companionSlot, says).toBe(slot);
      const calls = [
        callScript(redis, invalidate([{ key, version: older }], noHold)),
        callScript(redis, getOrLease({ key, token: 'a', leaseMs: 60_000 })),
        callScript(
          redis,
          fill({ key, token: 'a', value: 'read', ttlMs, version: older, source: 'primary', tombstoneMs }),
        ),
        callScript(
          redis,
          update([{ key, version: newer, value: 'v' }], {
            tombstoneMs,
            policy: { form: 'string', ttlMs, ttlJitter: 0, create: false },
          }),
        ),
      ];
      const [, leased, filled, updated] = await Promise.all(calls);
      expect([leased, filled, updated], says).toEqual([
        { kind: 'lease', holdMs: 0, gtid: '', floor: older },
        'stored',
        ['stored'],
      ]);
    }
  });
});
