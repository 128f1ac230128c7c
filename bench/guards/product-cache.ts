import type { Redis } from 'ioredis';

import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { isNewValue } from './contenders.ts';
import type { CacheBefore, Contender } from './contenders.ts';
import { TABLE, VERSION_BEFORE } from './product-changes.ts';

const KEYS_PER_COMMAND = 1_000;
/** Longer than a round. */
const TTL_MS = 3_600_000;

/** Empties Redis and fills it with what readers would have cached of `rows` products. */
export async function fillProducts(redis: Redis, rows: number, before: CacheBefore): Promise<void> {
  await redis.flushall();
  if (before === 'empty') return;
  const version = rowVersion(VERSION_BEFORE) ?? '';
  for (const ids of pages(rows)) {
    const pipeline = redis.pipeline();
    for (const id of ids) {
      pipeline.set(keyOf(id), 'cached', 'PX', TTL_MS);
      if (before === 'values and versions') {
        pipeline.hset(companionKey(keyOf(id)), 'f', version);
        pipeline.pexpire(companionKey(keyOf(id)), TTL_MS);
      }
    }
    await pipeline.exec();
  }
}

/** @throws Error when the keys of the products do not hold what the contender should have left. */
export async function requireProducts(redis: Redis, rows: number, contender: Contender): Promise<void> {
  let wrong = 0;
  for (const ids of pages(rows)) {
    const values = await redis.mget(ids.map(keyOf));
    for (const [index, id] of ids.entries()) {
      const value = values[index] ?? null;
      if (contender.stores ? !isNewValue(value, id) : value !== null) wrong += 1;
    }
  }
  if (wrong > 0) throw new Error(`${contender.name}: ${wrong} of ${rows} keys do not hold what they should`);
}

function keyOf(id: number): string {
  return `${TABLE}:${id}`;
}

/** The ids 1 to `rows` in lists of some. */
function pages(rows: number): number[][] {
  return Array.from({ length: Math.ceil(rows / KEYS_PER_COMMAND) }, (_, page) => {
    const first = page * KEYS_PER_COMMAND + 1;
    return Array.from(
      { length: Math.min(KEYS_PER_COMMAND, rows - first + 1) },
      (_no, index) => first + index,
    );
  });
}
