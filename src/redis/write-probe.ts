import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { UnstaleError } from '../errors/unstale-error.ts';
import { createClient } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';
import { classifyRedisError } from './replies.ts';

/** `unknown`: the user may not run what the probe needs, so only a real delete will tell. */
export type WriteProbeResult = 'permitted' | 'unknown';

/**
 * Asks Redis whether UNLINK of these very keys would be accepted, without removing anything.
 *
 * Redis checks command and key permissions, role, persistence and replicas when a command is queued in MULTI,
 * not only when it runs. So the keys are queued, and the connection is closed instead of EXEC. It is a
 * connection of its own: nothing else can get between MULTI and the end. ACL DRYRUN would need
 * administrator's rights and Redis 7; EXISTS would check a read.
 *
 * Where MULTI itself is not permitted, UNLINK runs for real on names that do not exist: the sample keys with
 * a random ending. If that is refused, the ending may be why, and the result is `unknown`.
 *
 * @throws UnstaleError as a delete of the keys would have failed.
 */
export async function probeUnlink(
  options: RedisConnectionOptions,
  sampleKeys: readonly string[],
): Promise<WriteProbeResult> {
  const client = createClient(options, { lazyConnect: true, retryStrategy: null });
  let failure: unknown;
  client.on('error', (error) => (failure ??= error));
  try {
    await client.connect();
    if (failure !== undefined) throw failure;
    return await probeOn(client, sampleKeys);
  } catch (error) {
    // What connect() rejects with names no reason; the event before it does.
    throw classifyRedisError(failure ?? error);
  } finally {
    client.disconnect();
  }
}

async function probeOn(client: Redis, sampleKeys: readonly string[]): Promise<WriteProbeResult> {
  // Awaited: an UNLINK behind a refused MULTI would run.
  const transaction = await refusalOf(client.call('MULTI'));
  if (transaction === undefined) {
    for (const key of sampleKeys) await client.call('UNLINK', key);
    return 'permitted';
  }
  if (transaction.code !== 'UNSTALE_REDIS_PERMISSION') throw transaction;
  for (const key of sampleKeys) {
    const refusal = await refusalOf(client.call('UNLINK', `${key}:${randomUUID()}`));
    if (refusal?.code === 'UNSTALE_REDIS_PERMISSION') return 'unknown';
    if (refusal !== undefined) throw refusal;
  }
  return 'permitted';
}

async function refusalOf(reply: Promise<unknown>): Promise<UnstaleError | undefined> {
  return reply.then(() => undefined, classifyRedisError);
}
