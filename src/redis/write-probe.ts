import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import { createClient } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';
import { connectionFailure } from './connection-failure.ts';
import { lackOf, missingRight } from './missing-rights.ts';
import type { SampleCommand } from './missing-rights.ts';
import { classifyRedisError } from './replies.ts';
import { sampleCommands } from './sample-commands.ts';
import type { WriteSample } from './sample-commands.ts';

/** `unknown`: the user may not run what the probe needs, so only a real write will tell. */
export type WriteProbeResult = 'permitted' | 'unknown';

/**
 * Asks Redis whether the sink's commands on these very keys would be accepted, without changing anything.
 *
 * Redis checks command, key and channel permissions, role, persistence and replicas when a command is queued in
 * MULTI, not only when it runs. So they are queued, and the connection is closed instead of EXEC. It is a
 * connection of its own: nothing else can get between MULTI and the end. ACL DRYRUN would need
 * administrator's rights and Redis 7; EXISTS would check a read. Sets need EXEC itself, which is asked with an
 * empty transaction.
 *
 * A node of a cluster checks permissions before it looks whose the key is: that it is somebody else's means yes.
 *
 * Where MULTI itself is not permitted, UNLINK runs for real on names that do not exist: the sample keys with
 * a random ending. If that is refused, the ending may be why, and the result is `unknown`. The other commands
 * would leave something behind, so that they make it `unknown` too; sets cannot do without MULTI.
 *
 * @throws UnstaleError as a write to the keys would have failed; it names all rights that are missing.
 */
export async function probeRights(
  options: RedisConnectionOptions,
  sample: WriteSample,
  { inCluster }: { readonly inCluster: boolean },
): Promise<WriteProbeResult> {
  const client = createClient(options, { lazyConnect: true, retryStrategy: null });
  let failure: unknown;
  client.on('error', (error) => (failure ??= error));
  try {
    await client.connect();
    if (failure !== undefined) throw failure;
    return await probeOn(client, sample, ({ message }) => inCluster && ELSEWHERE.test(message));
  } catch (error) {
    // What connect() rejects with names no reason; the event before it does.
    throw failure === undefined ? classifyRedisError(error) : connectionFailure(failure, options);
  } finally {
    client.disconnect();
  }
}

/** The key is another node's, or on its way to one. */
const ELSEWHERE = /^(?:MOVED|ASK|TRYAGAIN)\b/;

async function probeOn(
  client: Redis,
  sample: WriteSample,
  isPermitted: (refusal: Error) => boolean,
): Promise<WriteProbeResult> {
  // Awaited: a command behind a refused MULTI would run.
  const transaction = await refusalOf(client.call('MULTI'));
  if (transaction === undefined) {
    if (sample.sets.length > 0) {
      await client.call('EXEC');
      await client.call('MULTI');
    }
    await requireAll(client, sampleCommands(sample), isPermitted);
    return 'permitted';
  }
  const isDenied = classifyRedisError(transaction).code === 'UNSTALE_REDIS_PERMISSION';
  if (!isDenied || sample.sets.length > 0) throw transaction;
  if (sample.deletes.length > 0)
    await requireAll(client, [{ args: ['SCAN', '0', 'COUNT', '1'] }], isPermitted);
  for (const key of sample.deletes) {
    const refusal = await refusalOf(client.call('UNLINK', `${key}:${randomUUID()}`));
    if (refusal === undefined || isPermitted(refusal)) continue;
    if (classifyRedisError(refusal).code === 'UNSTALE_REDIS_PERMISSION') return 'unknown';
    throw refusal;
  }
  const isMore = [sample.generations, sample.scripts, sample.values, sample.notes ?? []].some(
    ({ length }) => length > 0,
  );
  return isMore || sample.publish !== undefined ? 'unknown' : 'permitted';
}

/** @throws what the first command met but for missing rights, else all of those at once. */
async function requireAll(
  client: Redis,
  commands: readonly SampleCommand[],
  isPermitted: (refusal: Error) => boolean,
): Promise<void> {
  const refusals = await Promise.all(
    commands.map(async ({ args: [name, ...args] }) => refusalOf(client.call(name, ...args))),
  );
  const missing = new Set<string>();
  for (const [index, refusal] of refusals.entries()) {
    const command = commands[index];
    if (command === undefined || refusal === undefined || isPermitted(refusal)) continue;
    const right = missingRight(command, refusal);
    if (right === undefined) throw refusal;
    missing.add(right);
  }
  if (missing.size > 0) throw lackOf(missing);
}

async function refusalOf(reply: Promise<unknown>): Promise<Error | undefined> {
  return reply.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : classifyRedisError(error)),
  );
}
