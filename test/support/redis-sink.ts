import { Redis } from 'ioredis';

import type { ApplyResult, CacheCommand, CommandBatch } from '../../src/change/command.ts';
import type { CommandSink, Log } from '../../src/pipeline/ports.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import type { RedisConnection } from '../../src/redis/connection.ts';
import { createRedisSink } from '../../src/redis/sink.ts';
import type { RedisSinkOptions } from '../../src/redis/sink.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import type { WriteSample } from '../../src/redis/sample-commands.ts';
import { eventually } from './eventually.ts';

/** Times of these tests, ms: short enough to wait for, long enough for a busy machine. */
export const commandTimeout = 500;
export const socketTimeout = 1_000;

const rule = 'rules[0]';

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A sink on a connection of its own, and what it said. */
export interface TestSink {
  readonly sink: CommandSink;
  readonly connection: RedisConnection;
  readonly lines: LogLine[];
  readonly replies: string[];
}

/** A log, and what was said to it. */
export function recordingLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const note =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields: { ...fields } });
  return {
    log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    lines,
  };
}

export function openSink(
  target: { port: number } & Partial<RedisConnectionOptions>,
  options: Partial<RedisSinkOptions> = {},
): TestSink {
  const { log, lines } = recordingLog();
  const replies: string[] = [];
  const connection = connectRedis(
    {
      host: '127.0.0.1',
      db: 0,
      connectTimeout: 1_000,
      commandTimeout,
      socketTimeout,
      clientName: 'unstale-test',
      ...target,
    },
    log,
  );
  const observer = { replied: (replyClass: string): void => void replies.push(replyClass) };
  const sink = createRedisSink({ connection, scopeScanRate: 1_000_000, sleep, log, observer, ...options });
  return { sink, connection, lines, replies };
}

/** A client for the test itself: fills the server, asks and configures it. */
export function testClient(port: number, db = 0): Redis {
  const client = new Redis({ port, host: '127.0.0.1', db });
  // The tests end servers under it.
  client.on('error', () => undefined);
  return client;
}

export function deletesOf(keys: readonly string[]): CacheCommand[] {
  return keys.map((key) => ({ kind: 'delete', key, rule }));
}

export function setsOf(keys: readonly string[]): CacheCommand[] {
  return keys.map((key) => ({ kind: 'set-keys', key, rule }));
}

export function generationsOf(keys: readonly string[]): CacheCommand[] {
  return keys.map((key) => ({ kind: 'generation', key, rule }));
}

export function scopeOf(pattern: string, members = false): CacheCommand {
  return { kind: 'scope', pattern, members, reason: 'truncate', rule };
}

/** What to probe for rules that only delete. */
export function deletesOnly(deletes: readonly string[]): WriteSample {
  return { deletes, scripts: [], values: [], generations: [], sets: [], publish: undefined };
}

export function batchOf(commands: readonly CacheCommand[], seq = 1): CommandBatch {
  return { seq, commands, lookups: [], bytes: commands.length, marks: [] };
}

/** The result of a batch of which so many keys existed: of its deletes, and of its sets and scopes. */
export function durable(removed: number, swept = 0): ApplyResult {
  return { outcome: 'durable', removed, swept };
}

export function numberedKeys(count: number, prefix = 'user:'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

export async function fill(client: Redis, keys: readonly string[]): Promise<void> {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.set(key, 'value');
  await pipeline.exec();
}

export async function applyOnce(sink: CommandSink, commands: readonly CacheCommand[]): Promise<ApplyResult> {
  return sink.apply(batchOf(commands), new AbortController().signal);
}

/** Sends the batch again and again, as the pipeline does; resolves with the results up to the durable one. */
export async function applyUntilDurable(
  sink: CommandSink,
  work: readonly CacheCommand[] | CommandBatch,
): Promise<ApplyResult[]> {
  const results: ApplyResult[] = [];
  const batch = 'commands' in work ? work : batchOf(work);
  await eventually(
    'the batch is durable',
    async () => {
      const result = await sink.apply(batch, new AbortController().signal);
      results.push(result);
      return result;
    },
    ({ outcome }) => outcome === 'durable',
  );
  return results;
}
