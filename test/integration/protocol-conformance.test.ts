import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import type { ScriptCall } from '../../src/protocol/script.ts';
import { fill, getOrLease, invalidate, update } from '../../src/protocol/scripts.ts';
import { LINES, modelScripts } from '../model/scripts.ts';
import type { Cache, ModelScripts, Outcome } from '../model/scripts.ts';
import { conformanceCase, OWN_TOKEN } from '../support/protocol-cases.ts';
import type { ConformanceCase, KeyCase } from '../support/protocol-cases.ts';
import { callScript, callScripts, loadScripts } from '../support/protocol-client.ts';
import { isLeft, putCache, readCaches, withModelTimes } from '../support/protocol-state.ts';
import { redisImplementations, startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';

const CASES = 2_500;
const MINUTE = 60_000;
const model = modelScripts();

describe('the random cases', () => {
  it.each(LINES)('tell apart: %s', (line) => {
    const mutant = modelScripts(line);
    const now = 1_800_000_000_000;
    const differs = fc.sample(conformanceCase, { numRuns: CASES, seed: 1 }).some((one) =>
      one.keys.some((key) => {
        const cache = atClock(key.cache, now);
        const [sound, broken] = [model, mutant].map((scripts) => outcomeOf(scripts, one, key, cache, now));
        return !isDeepStrictEqual(sound, broken);
      }),
    );
    expect(differs).toBe(true);
  });
});

describe.each(await redisImplementations())('the scripts on %s', (implementation) => {
  let server: TestRedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedisServer({ implementation });
    redis = new Redis(server.url);
    await loadScripts(redis);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.destroy();
  });

  const clock = async (): Promise<number> => {
    const [seconds, micros] = await redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  };

  it('reply and leave what the model says, for any state and arguments', async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    const cases = fc.sample(conformanceCase, { numRuns: CASES, seed });
    const now = await clock();
    const before = cases.map(({ keys }) => keys.map(({ cache }) => atClock(cache, now)));

    const setup = redis.pipeline();
    for (const [index, caches] of before.entries())
      for (const [at, cache] of caches.entries()) putCache(setup, keyOf(index, at), cache);
    await setup.exec();
    const replies = await callScripts(
      redis,
      cases.map((one, index) => callOf(one, index)),
    );
    const keys = cases.flatMap((one, index) => one.keys.map((_, at) => keyOf(index, at)));
    const after = [...(await readCaches(redis, keys))];
    const elapsed = (await clock()) - now;

    const seen = new Set<string>();
    for (const [index, one] of cases.entries()) {
      const outcomes = one.keys.map((key, at) => outcomeOf(model, one, key, before[index]![at]!, now));
      const expected = { reply: replyOf(one, outcomes), caches: outcomes.map(({ cache }) => cache) };
      const real = {
        reply: withModelLefts(replies[index], expected.reply, elapsed),
        caches: outcomes.map(({ cache }) => withModelTimes(after.shift()!, cache, elapsed)),
      };
      expect(
        real,
        `seed ${seed}, case ${index}: ${JSON.stringify({ now, ...one, before: before[index] })}`,
      ).toEqual(expected);
      seen.add(kindOf(expected.reply));
    }
    // Random cases that all end at the first line would say nothing.
    expect([...seen].toSorted()).toEqual(
      ['bypass', 'dropped', 'expired', 'hit', 'hold', 'lease', 'number', 'outdated'].concat(
        'refused',
        'skipped',
        'stored',
        'unknown',
        'voided',
        'wait',
      ),
    );
  });

  it('tell versions apart that are one number for doubles', async () => {
    const [lower, higher] = [rowVersion(2n ** 53n)!, rowVersion(2n ** 53n + 1n)!];
    expect(Number(lower.slice(0, -1))).toBe(Number(higher.slice(0, -1)));
    const options = { tombstoneMs: 60_000, holdMs: 0, gtid: '' };
    const key = 'doubles';
    await callScript(redis, invalidate([{ key, version: higher }], options));
    const readAt = async (version: typeof lower): Promise<string> => {
      await callScript(redis, getOrLease({ key, token: version, leaseMs: 60_000 }));
      const source = 'primary';
      return callScript(
        redis,
        fill({ key, token: version, value: version, ttlMs: 60_000, version, source, tombstoneMs: 60_000 }),
      );
    };
    const policy = { form: 'string', ttlMs: 60_000, ttlJitter: 0, create: true } as const;
    const storing = { tombstoneMs: 60_000, policy };
    const older = { key, version: lower, value: 'updated' };
    expect(await readAt(lower)).toBe('outdated');
    expect(await callScript(redis, update([older], storing))).toEqual(['refused']);
    expect(await readAt(higher)).toBe('stored');
    expect(await callScript(redis, update([older], storing))).toEqual(['refused']);
    expect(await callScript(redis, update([{ ...older, version: higher }], storing))).toEqual(['stored']);
  });

  it('let M outlive the value, the tombstone, the hold and the lease', async () => {
    const key = 'lifetimes';
    const companion = companionKey(key);
    const left = async (): Promise<number> => Math.ceil((await redis.pttl(companion)) / MINUTE);
    await callScript(redis, getOrLease({ key, token: 'a', leaseMs: 10 * MINUTE }));
    expect(await left()).toBe(10);
    await callScript(
      redis,
      fill({
        key,
        token: 'a',
        value: 'v',
        ttlMs: 20 * MINUTE,
        version: rowVersion(1)!,
        source: 'primary',
        tombstoneMs: 30 * MINUTE,
      }),
    );
    expect(await left()).toBe(50);
    await callScript(redis, invalidate([{ key }], { tombstoneMs: 60 * MINUTE, holdMs: 0, gtid: '' }));
    expect(await left()).toBe(60);
    await callScript(
      redis,
      invalidate([{ key }], { tombstoneMs: 60 * MINUTE, holdMs: 70 * MINUTE, gtid: '' }),
    );
    expect(await left()).toBe(70);
    await callScript(redis, getOrLease({ key, token: 'b', leaseMs: 10 * MINUTE }));
    expect(await left()).toBe(70);
  });
});

/** Names that take each of the three ways to a companion. */
function keyOf(index: number, at: number): string {
  const name = `${index}/${at}`;
  return [`plain:${name}`, `{tag}:${name}`, `stray}${name}`][(index + at) % 3]!;
}

function atClock(cache: Cache, now: number): Cache {
  const { key, companion } = cache;
  if (companion === undefined || companion === 'other type') return cache;
  const absolute = (time: number | undefined): number | undefined =>
    time === undefined ? undefined : now + time;
  return { key, companion: { ...companion, x: absolute(companion.x), p: absolute(companion.p) } };
}

function callOf(one: ConformanceCase, index: number): ScriptCall<unknown> {
  const { script, keys, leaseMs, refresh, source, tombstoneMs, holdMs, gtid } = one;
  const [first] = keys as readonly [KeyCase];
  const key = keyOf(index, 0);
  switch (script) {
    case 'getOrLease':
      return getOrLease({ key, token: OWN_TOKEN, leaseMs, refresh });
    case 'fill': {
      const { value, ttlMs, version } = first;
      return fill({ key, token: OWN_TOKEN, value, ttlMs, version, source, tombstoneMs });
    }
    case 'invalidate':
      return invalidate(
        keys.map(({ version }, at) => ({ key: keyOf(index, at), version })),
        { tombstoneMs, holdMs, gtid },
      );
    case 'update':
      return update(
        keys.map(({ version = ANY_VERSION, form, value }, at) => ({
          key: keyOf(index, at),
          version,
          value: form === 'string' ? value : (JSON.parse(value) as [string, string][]).flat(),
        })),
        { tombstoneMs, policy: { form: first.form, ttlMs: first.ttlMs, ttlJitter: 0, create: first.create } },
      );
  }
}

/** An update always has one. */
const ANY_VERSION = rowVersion(42n)!;

function outcomeOf(
  scripts: ModelScripts,
  one: ConformanceCase,
  key: KeyCase,
  cache: Cache,
  now: number,
): Outcome<unknown> {
  const { script, leaseMs, refresh, source, tombstoneMs, holdMs, gtid } = one;
  const { version = '', form, value, ttlMs, create } = key;
  switch (script) {
    case 'getOrLease':
      return scripts.getOrLease(cache, now, { token: OWN_TOKEN, leaseMs, refresh });
    case 'fill':
      return scripts.fill(cache, now, { token: OWN_TOKEN, value, ttlMs, version, source, tombstoneMs });
    case 'invalidate':
      return scripts.invalidate(cache, now, { version, tombstoneMs, holdMs, gtid });
    case 'update':
      return scripts.update(cache, {
        version: version || ANY_VERSION,
        form,
        value,
        ttlMs,
        create,
        tombstoneMs,
      });
  }
}

function replyOf({ script }: ConformanceCase, outcomes: readonly Outcome<unknown>[]): unknown {
  const replies = outcomes.map(({ reply }) => reply);
  if (script === 'update') return replies;
  return script === 'invalidate'
    ? replies.reduce<number>((sum, removed) => sum + Number(removed), 0)
    : replies[0];
}

/** Of a lease or a hold less is left on the server, by what has passed since the model's clock was read. */
function withModelLefts(real: unknown, expected: unknown, elapsed: number): unknown {
  if (!isObject(real) || !isObject(expected)) return real;
  const times = ['ms', 'holdMs'].filter((name) =>
    isLeft(Number(real[name]), Number(expected[name]), elapsed),
  );
  return { ...real, ...Object.fromEntries(times.map((name) => [name, expected[name]])) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(reply: unknown): string {
  if (isObject(reply)) return String(reply['kind']);
  if (Array.isArray(reply)) return String(reply[0]);
  return typeof reply === 'number' ? 'number' : String(reply);
}
