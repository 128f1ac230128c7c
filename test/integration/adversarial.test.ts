import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { UpdateOutcome } from '../../src/change/command.ts';
import { rowVersion } from '../../src/change/version.ts';
import type { VersionRank } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { fill, getOrLease, invalidate, update } from '../../src/protocol/scripts.ts';
import type { LeaseReply, ReadSource } from '../../src/protocol/scripts.ts';
import { startRedisServer } from '../support/provider.ts';
import { callScript, loadScripts } from '../support/protocol-client.ts';

// The adversarial cases of the protocol that concern one key, step by step on a real Redis. Others have their places:
// 11 kills at every point: test/fault/crash, test/long/kill-runs. 13 two daemons: test/fault/two-daemons.
// 14, 15 failovers, during a replay too: test/fault/redis-failover. 17 a purged binlog: test/fault/gap-fills.
// 18 another server and back: test/fault/fail-back; file over 4 GiB: test/long/large-file. 19 changed keys, DDL,
// savepoints, large transactions: test/integration/row-changes, ddl. 20 plain SET: test/integration/guards (redelete);
// resharding: redis-cluster, test/fault/daemon-on-cluster; NOSCRIPT, OOM: protocol-servers; lost replies: redis-sink,
// reader-clients.

const HOUR = 3_600_000;

describe('a cached key', () => {
  let redis: Redis;
  let key: string;

  beforeEach(async () => {
    redis = new Redis(inject('servers').redis.url);
    await loadScripts(redis);
    key = `adversarial:${randomUUID()}`;
  });
  afterEach(() => redis.disconnect());

  const lease = (token: string, leaseMs = 30_000): Promise<LeaseReply> =>
    callScript(redis, getOrLease({ key, token, leaseMs }));
  const fillAs = (
    token: string,
    value: string,
    { version, source = 'primary' }: { version?: number; source?: ReadSource } = {},
  ): Promise<string> => {
    const known = version === undefined ? undefined : rowVersion(version);
    return callScript(
      redis,
      fill({ key, token, value, ttlMs: HOUR, version: known, source, tombstoneMs: HOUR }),
    );
  };
  const change = (
    version: number | undefined,
    { rank = 'row', holdMs = 0, gtid = '' }: { rank?: VersionRank; holdMs?: number; gtid?: string } = {},
  ): Promise<number> => {
    const known = version === undefined ? undefined : rowVersion(version, rank);
    return callScript(redis, invalidate([{ key, version: known }], { tombstoneMs: HOUR, holdMs, gtid }));
  };
  const store = async (
    version: number,
    value: string,
    create = false,
  ): Promise<UpdateOutcome | undefined> => {
    const policy = { form: 'string', ttlMs: HOUR, ttlJitter: 0, create } as const;
    const updates = [{ key, version: rowVersion(version)!, value }];
    return (await callScript(redis, update(updates, { tombstoneMs: HOUR, policy })))[0];
  };
  const cached = (): Promise<string | null> => redis.get(key);
  const evict = (name: string): Promise<number> => redis.del(name);
  const expired = async (): Promise<void> => {
    await redis.hset(companionKey(key), 'x', '1');
  };

  it('1: is not filled by who missed and read before the change', async () => {
    await lease('a');
    await change(undefined);
    expect(await fillAs('a', 'old')).toBe('voided');
    expect(await cached()).toBeNull();
  });

  it('2: is not filled by the first of two readers when the lease went on to the second', async () => {
    await lease('first');
    await expired();
    expect(await lease('second')).toMatchObject({ kind: 'lease' });
    expect(await fillAs('second', 'new', { version: 2 })).toBe('stored');
    expect(await fillAs('first', 'old', { version: 1 })).toBe('voided');
    expect(await cached()).toBe('new');
  });

  it('3: is not filled between two changes whose deletes come together', async () => {
    await lease('a');
    await change(3);
    await change(2);
    expect(await fillAs('a', 'middle', { version: 2 })).toBe('voided');
    await lease('b');
    expect(await fillAs('b', 'middle', { version: 2, source: 'replica' })).toBe('outdated');
    expect(await cached()).toBeNull();
  });

  it('4: is not filled from a lagging replica under a fresh lease', async () => {
    await change(2, { holdMs: 60_000, gtid: 'u:1-2' });
    expect(await lease('a')).toMatchObject({ kind: 'lease', gtid: 'u:1-2' });
    expect(await fillAs('a', 'old', { source: 'replica' })).toBe('hold');
    await lease('b');
    expect(await fillAs('b', 'old', { version: 1, source: 'caught-up' })).toBe('outdated');
  });

  it('5: is not filled from a replica when all that was known of it is evicted', async () => {
    await change(2, { holdMs: 60_000, gtid: 'u:1-2' });
    await evict(companionKey(key));
    expect(await lease('a')).toMatchObject({ kind: 'lease', floor: '', gtid: '' });
    expect(await fillAs('a', 'old', { version: 1, source: 'replica' })).toBe('unknown');
    await lease('b');
    expect(await fillAs('b', 'new', { version: 2 })).toBe('stored');
  });

  it('6: is not filled when the lease is evicted in between', async () => {
    await lease('a');
    await evict(companionKey(key));
    expect(await fillAs('a', 'old')).toBe('voided');
  });

  it('7: evicted while its version stays, takes no older value', async () => {
    await lease('a');
    await fillAs('a', 'v5', { version: 5 });
    await evict(key);
    expect(await store(4, 'v4', true)).toBe('refused');
    expect(await store(6, 'v6')).toBe('skipped');
    expect(await cached()).toBeNull();
  });

  it('8: goes when an update finds it without a version', async () => {
    await lease('a');
    await fillAs('a', 'v5', { version: 5 });
    await evict(companionKey(key));
    expect(await store(4, 'v4')).toBe('dropped');
    expect(await cached()).toBeNull();
  });

  it('9: ends at the last version whatever comes twice and in whatever order', async () => {
    for (const [version, reply] of [
      [3, 'stored'],
      [1, 'refused'],
      [3, 'stored'],
      [2, 'refused'],
      [4, 'stored'],
      [4, 'stored'],
    ] as const)
      expect(await store(version, `v${version}`, true)).toBe(reply);
    expect(await cached()).toBe('v4');
    await change(2);
    expect(await cached()).toBeNull();
    expect(await store(3, 'v3', true)).toBe('refused');
  });

  it('10: of a deleted row does not come back, and of one that is inserted again does', async () => {
    await change(5, { rank: 'deleted' });
    expect(await store(5, 'dead', true)).toBe('refused');
    await lease('a');
    expect(await fillAs('a', 'dead', { version: 5 })).toBe('outdated');
    expect(await store(6, 'alive', true)).toBe('stored');
    expect(await cached()).toBe('alive');
  });

  it('12: goes back to no older value when changes are repeated after its version is forgotten', async () => {
    expect(await store(9, 'v9', true)).toBe('stored');
    await evict(companionKey(key));
    // Repetitions only remove; what a repetition would have stored is not.
    await change(8);
    expect(await cached()).toBeNull();
    expect(await store(9, 'v9', true)).toBe('stored');
    expect(await cached()).toBe('v9');
  });

  it('20: set by a plain SET is stale until the delete is repeated', async () => {
    await change(undefined);
    await redis.set(key, 'old');
    await change(undefined);
    expect(await cached()).toBeNull();
    await redis.set(key, 'old');
    expect(await store(3, 'v3')).toBe('dropped');
    expect(await cached()).toBeNull();
  });

  it('with versions around 2^53 takes the higher one', async () => {
    const near = 2n ** 53n;
    for (const [version, reply] of [
      [near + 1n, 'stored'],
      [near, 'refused'],
      [near + 2n, 'stored'],
    ] as const) {
      const policy = { form: 'string', ttlMs: HOUR, ttlJitter: 0, create: true } as const;
      const updates = [{ key, version: rowVersion(version)!, value: String(version) }];
      expect(await callScript(redis, update(updates, { tombstoneMs: HOUR, policy }))).toEqual([reply]);
    }
  });

  it('of a client whose clock is wrong is leased by the clock of Redis', async () => {
    const reply = await lease('a', 1000);
    expect(reply.kind).toBe('lease');
    const other = await lease('b', 1000);
    expect(other.kind).toBe('wait');
    if (other.kind === 'wait') expect(other.ms).toBeLessThanOrEqual(1000);
    const [seconds] = await redis.time();
    const expiry = Number(await redis.hget(companionKey(key), 'x'));
    expect(Math.abs(expiry - Number(seconds) * 1000)).toBeLessThan(10_000);
  });
});

describe('a Redis of its own', () => {
  it('16: flushed between a lease and its fill refuses the fill', async () => {
    const server = await startRedisServer();
    const redis = new Redis(server.url);
    try {
      await loadScripts(redis);
      await callScript(redis, getOrLease({ key: 'k', token: 'a', leaseMs: 30_000 }));
      await redis.flushall();
      await loadScripts(redis);
      const late = {
        key: 'k',
        token: 'a',
        value: 'old',
        ttlMs: HOUR,
        source: 'primary',
        tombstoneMs: HOUR,
      } as const;
      expect(await callScript(redis, fill(late))).toBe('voided');
      expect(await redis.get('k')).toBeNull();
    } finally {
      redis.disconnect();
      await server.destroy();
    }
  });

  it('5, 6: that evicts by itself loses marks and leases, and is filled with nothing old', async () => {
    const server = await startRedisServer({
      args: ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-random'],
    });
    const redis = new Redis(server.url);
    try {
      await loadScripts(redis);
      const keys = Array.from({ length: 300 }, (_, index) => `k${index}`);
      for (const key of keys) {
        const marked = [{ key, version: rowVersion(2) }];
        await callScript(redis, invalidate(marked, { tombstoneMs: HOUR, holdMs: 0, gtid: '' }));
        await callScript(redis, getOrLease({ key, token: 't', leaseMs: 60_000 }));
      }
      for (let index = 0; index < 3000; index += 1) await redis.set(`filler${index}`, 'x'.repeat(1000));
      const left = await Promise.all(keys.map(async (key) => redis.exists(companionKey(key))));
      expect(left).toContain(0);
      for (const key of keys) {
        const old = { key, token: 't', value: 'old', ttlMs: HOUR, version: rowVersion(1), tombstoneMs: HOUR };
        const reply = await callScript(redis, fill({ ...old, source: 'replica' }));
        expect(['outdated', 'voided']).toContain(reply);
      }
      expect((await Promise.all(keys.map(async (key) => redis.exists(key)))).every((n) => n === 0)).toBe(
        true,
      );
    } finally {
      redis.disconnect();
      await server.destroy();
    }
  });
});
