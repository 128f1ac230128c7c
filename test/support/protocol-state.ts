import type { ChainableCommander, Redis } from 'ioredis';
import { companionKey } from '../../src/protocol/companion-key.ts';
import type { Cache, Companion, Value } from '../model/scripts.ts';

/** The text that stands for a hash in the model. */
export function hashText(fields: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(fields).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** Adds the commands that make K and M hold what the model says. */
export function putCache(pipeline: ChainableCommander, key: string, cache: Cache): void {
  const companion = companionKey(key);
  pipeline.del(key, companion);
  if (cache.key !== undefined) {
    const { type, value, ttl } = cache.key;
    if (type === 'string') pipeline.set(key, value);
    else if (type === 'list') pipeline.rpush(key, value);
    else pipeline.hset(key, ...(JSON.parse(value) as [string, string][]).flat());
    if (ttl >= 0) pipeline.pexpire(key, ttl);
  }
  if (cache.companion === 'other type') {
    pipeline.set(companion, 'not a hash');
  } else if (cache.companion !== undefined) {
    const { ttl, ...fields } = cache.companion;
    for (const [name, value] of Object.entries(fields))
      if (value !== undefined) pipeline.hset(companion, name, value);
    if (ttl >= 0) pipeline.pexpire(companion, ttl);
  }
}

/** What K and M of each key hold. */
export async function readCaches(redis: Redis, keys: readonly string[]): Promise<readonly Cache[]> {
  const types = redis.pipeline();
  for (const key of keys) types.type(key).type(companionKey(key));
  const kinds = ((await types.exec()) ?? []).map(([, kind]) => String(kind));

  const contents = redis.pipeline();
  for (const [index, key] of keys.entries()) {
    const companion = companionKey(key);
    read(contents, key, kinds[index * 2]!).pttl(key);
    read(contents, companion, kinds[index * 2 + 1]!).pttl(companion);
  }
  const replies = ((await contents.exec()) ?? []).map(([, reply]) => reply);
  return keys.map((_, index) => {
    const [value, ttl, fields, companionTtl] = replies.slice(index * 4, index * 4 + 4);
    return {
      key: valueFrom(kinds[index * 2]!, value, Number(ttl)),
      companion: companionFrom(kinds[index * 2 + 1]!, fields, Number(companionTtl)),
    };
  });
}

function read(pipeline: ChainableCommander, key: string, kind: string): ChainableCommander {
  if (kind === 'hash') return pipeline.hgetall(key);
  return kind === 'list' ? pipeline.lindex(key, 0) : pipeline.get(key);
}

function valueFrom(kind: string, reply: unknown, ttl: number): Value | undefined {
  if (kind === 'none') return undefined;
  if (kind === 'hash') return { type: kind, value: hashText(reply as Record<string, string>), ttl };
  return { type: kind as 'string' | 'list', value: String(reply), ttl };
}

function companionFrom(kind: string, reply: unknown, ttl: number): Cache['companion'] {
  if (kind === 'none') return undefined;
  if (kind !== 'hash') return 'other type';
  const { l, x, f, p, g, u } = reply as Partial<Record<string, string>>;
  return { l, x: numberFrom(x), f, p: numberFrom(p), g, u, ttl };
}

function numberFrom(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/**
 * What the server has, with the model's times in the place of its own where the milliseconds since the model's clock
 * was read explain the difference: points in time are up to so much later, and what is left up to so much less.
 */
export function withModelTimes(real: Cache, model: Cache, elapsedMs: number): Cache {
  const later = (time: number | undefined, expected: number | undefined): number | undefined =>
    time !== undefined && expected !== undefined && time >= expected && time <= expected + elapsedMs
      ? expected
      : time;
  const left = (ttl: number, expected: number | undefined): number =>
    expected !== undefined && ttl >= 0 && isLeft(ttl, expected, elapsedMs) ? expected : ttl;

  const key = real.key && { ...real.key, ttl: left(real.key.ttl, model.key?.ttl) };
  if (!isHash(real.companion) || !isHash(model.companion)) return { key, companion: real.companion };
  const { companion } = real;
  const expected = model.companion;
  return {
    key,
    companion: {
      ...companion,
      x: later(companion.x, expected.x),
      p: later(companion.p, expected.p),
      ttl: left(companion.ttl, expected.ttl),
    },
  };
}

/** Whether so many ms can be left of those that the model expects. */
export function isLeft(ms: number, expected: number, elapsedMs: number): boolean {
  return ms <= expected && ms >= expected - elapsedMs;
}

function isHash(companion: Cache['companion']): companion is Companion {
  return companion !== undefined && companion !== 'other type';
}
