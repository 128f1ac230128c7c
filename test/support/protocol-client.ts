import type { Redis } from 'ioredis';
import type { ScriptCall } from '../../src/protocol/script.ts';
import { SCRIPTS } from '../../src/protocol/scripts.ts';

/** Makes the server know the scripts, so that calls can name them by their hash. */
export async function loadScripts(redis: Redis): Promise<string[]> {
  return Promise.all(SCRIPTS.map(async ({ source }) => String(await redis.script('LOAD', source))));
}

/** @throws the server's error, e.g. NOSCRIPT. */
export async function callScript<Reply>(redis: Redis, call: ScriptCall<Reply>): Promise<Reply> {
  const { script, keys, args, read } = call;
  return read(await redis.evalsha(script.sha1, keys.length, ...keys, ...args));
}

/**
 * Sends all calls at once and resolves with their replies.
 * @throws the first error among the replies.
 */
export async function callScripts<Reply>(
  redis: Redis,
  calls: readonly ScriptCall<Reply>[],
): Promise<readonly Reply[]> {
  const pipeline = redis.pipeline();
  for (const { script, keys, args } of calls) pipeline.evalsha(script.sha1, keys.length, ...keys, ...args);
  const results = (await pipeline.exec()) ?? [];
  return calls.map(({ read }, index) => {
    const [error, reply] = results[index]!;
    if (error !== null) throw error;
    return read(reply);
  });
}
