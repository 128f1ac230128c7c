import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { UnstaleError } from '../errors/unstale-error.ts';
import { companionKey } from '../protocol/companion-key.ts';
import { createClient } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';
import { connectionFailure } from './connection-failure.ts';
import type { PublishOptions } from './publisher.ts';
import { classifyRedisError } from './replies.ts';

/** `unknown`: the user may not run what the probe needs, so only a real write will tell. */
export type WriteProbeResult = 'permitted' | 'unknown';

/** Keys as the rules could produce them, by what is done with them. */
export interface WriteSample {
  readonly deletes: readonly string[];
  /** Keys whose companions are kept, and with `values` those that get one. */
  readonly scripts: readonly string[];
  readonly values: readonly string[];
  /** Keys that get a text. */
  readonly notes?: readonly string[];
  readonly generations: readonly string[];
  /** Sets that name keys. */
  readonly sets: readonly string[];
  readonly publish: PublishOptions | undefined;
}

/**
 * Asks Redis whether the sink's commands on these very keys would be accepted, without changing anything.
 *
 * Redis checks command, key and channel permissions, role, persistence and replicas when a command is queued in
 * MULTI, not only when it runs. So they are queued, and the connection is closed instead of EXEC. It is a
 * connection of its own: nothing else can get between MULTI and the end. ACL DRYRUN would need
 * administrator's rights and Redis 7; EXISTS would check a read. Sets need EXEC itself, which is asked with an
 * empty transaction.
 *
 * Where MULTI itself is not permitted, UNLINK runs for real on names that do not exist: the sample keys with
 * a random ending. If that is refused, the ending may be why, and the result is `unknown`. The other commands
 * would leave something behind, so that they make it `unknown` too; sets cannot do without MULTI.
 *
 * @throws UnstaleError as a write to the keys would have failed.
 */
export async function probeRights(
  options: RedisConnectionOptions,
  sample: WriteSample,
): Promise<WriteProbeResult> {
  const client = createClient(options, { lazyConnect: true, retryStrategy: null });
  let failure: unknown;
  client.on('error', (error) => (failure ??= error));
  try {
    await client.connect();
    if (failure !== undefined) throw failure;
    return await probeOn(client, sample);
  } catch (error) {
    // What connect() rejects with names no reason; the event before it does.
    throw failure === undefined ? classifyRedisError(error) : connectionFailure(failure, options);
  } finally {
    client.disconnect();
  }
}

type Command = [name: string, ...args: string[]];

async function probeOn(client: Redis, sample: WriteSample): Promise<WriteProbeResult> {
  // Awaited: a command behind a refused MULTI would run.
  const transaction = await refusalOf(client.call('MULTI'));
  if (transaction === undefined) {
    if (sample.sets.length > 0) {
      await client.call('EXEC');
      await client.call('MULTI');
    }
    for (const [name, ...args] of commandsOn(sample)) await client.call(name, ...args);
    return 'permitted';
  }
  if (transaction.code !== 'UNSTALE_REDIS_PERMISSION' || sample.sets.length > 0) throw transaction;
  for (const key of sample.deletes) {
    const refusal = await refusalOf(client.call('UNLINK', `${key}:${randomUUID()}`));
    if (refusal?.code === 'UNSTALE_REDIS_PERMISSION') return 'unknown';
    if (refusal !== undefined) throw refusal;
  }
  const isMore = [sample.generations, sample.scripts, sample.values, sample.notes ?? []].some(
    ({ length }) => length > 0,
  );
  return isMore || sample.publish !== undefined ? 'unknown' : 'permitted';
}

/** What the sink does, one of each for every key. */
function commandsOn({
  deletes,
  scripts,
  values,
  notes = [],
  generations,
  sets,
  publish,
}: WriteSample): Command[] {
  const commands: Command[] = deletes.map((key) => ['UNLINK', key]);
  if (scripts.length > 0) commands.push(['TIME']);
  for (const key of notes) commands.push(['SET', key, '']);
  for (const key of scripts) commands.push(...companionCommands(key));
  for (const key of values)
    commands.push(['SET', key, ''], ['HSET', key, 'field', ''], ['PEXPIRE', key, '1']);
  for (const key of sets) commands.push(['SSCAN', key, '0'], ['SREM', key, 'member'], ['UNLINK', key]);
  if (generations.length > 0) commands.push(['TIME']);
  for (const key of generations) commands.push(['SET', key, '1', 'NX'], ['INCR', key]);
  if (publish?.channel !== undefined) commands.push(['PUBLISH', publish.channel, '']);
  if (publish?.stream !== undefined) commands.push(['XADD', publish.stream, '*', 'message', '']);
  return commands;
}

/** What the scripts do. A user needs the rights to the commands inside a script as well as to the script. */
function companionCommands(key: string): Command[] {
  const companion = companionKey(key);
  return [
    ['EVALSHA', '0', '2', key, companion],
    ['EVAL', 'return 0', '2', key, companion],
    ['EXISTS', key],
    ['UNLINK', key, companion],
    ['TYPE', companion],
    ['HGET', companion, 'f'],
    ['HMGET', companion, 'f'],
    ['HSET', companion, 'f', ''],
    ['HDEL', companion, 'l'],
    ['PTTL', companion],
    ['PEXPIRE', companion, '1'],
  ];
}

async function refusalOf(reply: Promise<unknown>): Promise<UnstaleError | undefined> {
  return reply.then(() => undefined, classifyRedisError);
}
