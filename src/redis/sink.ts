import type { Applied, ApplyResult, CacheCommand } from '../change/command.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { CommandSink, Log, Sleep, WriteGate } from '../pipeline/ports.ts';
import type { RedisConnection } from './connection.ts';
import { createLimiter } from './limiter.ts';
import { classifyRedisError, replyClass } from './replies.ts';
import { splitBatch } from './batch-parts.ts';
import type { Group, ScopeCommand, SetCommand } from './batch-parts.ts';
import { namesOf, removeWithMarker, storeValues } from './guarded-keys.ts';
import type { UpdateCounts } from './guarded-keys.ts';
import { renewGenerations } from './generation.ts';
import { publish as publishRemoved } from './publisher.ts';
import type { PublishOptions, Removed } from './publisher.ts';
import { createScopeRemover } from './scope-remover.ts';
import type { Send } from './send.ts';
import { drainSet } from './set-keys.ts';

interface RedisSinkObserver {
  /** One reply, or the lack of one; see `replyClass`. */
  replied(replyClass: string): void;
}

export interface RedisSinkOptions {
  readonly connection: RedisConnection;
  /** Asked before each command, of which a scope may be many; always open unless given. */
  readonly gate?: WriteGate;
  /** All that hold keys, for scopes; default: those of `connection`. */
  readonly nodes?: readonly RedisConnection[] | (() => readonly RedisConnection[]);
  /** Keys that a scope looks at in a second, on each node; Infinity for no limit. */
  readonly scopeScanRate: number;
  readonly sleep: Sleep;
  readonly log: Log;
  readonly observer: RedisSinkObserver;
  /** How long companions keep versions and holds behind a removal, ms; default 10 minutes. */
  readonly tombstone?: number;
  /** Where to tell what was removed, after Redis acknowledged it; undefined: nowhere. */
  readonly publish?: PublishOptions | undefined;
  /** Keys that one UNLINK takes; default 500. */
  readonly keysPerCommand?: number;
  /** Commands in flight, over all batches; default 2. More gains nothing, it only delays other clients. */
  readonly commandsInFlight?: number;
}

interface Failure {
  readonly error: UnstaleError;
  readonly command: CacheCommand;
}

/**
 * Applies batches to one Redis: first all deletes and updates, in commands on many keys, then the keys that sets name,
 * then generations, then all scopes in one pass, each with its publication.
 *
 * A batch is durable when every command got the reply that it should. After the first error nothing more of
 * the batch is sent, and what was sent is waited for; the whole batch is then to be sent again.
 * Its scopes go on where they were.
 */
export function createRedisSink(options: RedisSinkOptions): CommandSink {
  const { connection, gate, log, observer, publish } = options;
  const { keysPerCommand = 500, commandsInFlight = 2, tombstone = 600_000 } = options;
  const limiter = createLimiter(commandsInFlight);
  // Over all batches: each set that is worked on holds a page of its members.
  const setLimiter = createLimiter(commandsInFlight);
  const noteOutcome = createRefusalLog(log, {
    begins: 'Redis does not execute commands',
    ends: 'Redis executes commands again',
  });
  const noteReplicas = createRefusalLog(log, {
    begins: 'replicas of Redis do not have what was written',
    ends: 'replicas of Redis have what was written again',
  });
  const notePlace = createPlaceLog(log);

  const sendNow: Send = async (command) => {
    try {
      const reply = await command();
      observer.replied('ok');
      noteOutcome(undefined);
      return reply;
    } catch (error) {
      observer.replied(replyClass(error));
      const classified = classifyRedisError(error);
      noteOutcome(classified);
      throw classified;
    }
  };

  const announce = async (removed: Removed, sendInTurn: Send): Promise<void> => {
    if (publish !== undefined) await publishRemoved(connection, publish, removed, sendInTurn);
  };

  const drain = (
    node: RedisConnection,
    key: string | Buffer,
    { rule, guarded }: Pick<SetCommand | ScopeCommand, 'rule' | 'guarded'>,
    sendInTurn: Send,
  ): Promise<number> =>
    drainSet(node, key, {
      keysPerCommand,
      guarded: guarded === true,
      send: sendInTurn,
      onNotASet: () =>
        notePlace(rule, 'removed a key that should be a set of keys, but holds something else'),
      announce: publish === undefined ? undefined : (keys) => announce({ keys }, sendInTurn),
    });

  const scopeRemover = createScopeRemover({
    ...options,
    sessions: () => connection.sessions(),
    nodes: () =>
      (typeof options.nodes === 'function' ? options.nodes() : options.nodes) ?? connection.nodes(),
    keysPerCommand,
    drain,
  });

  const renew = async (keys: readonly string[], rule: string, sendInTurn: Send): Promise<void> => {
    const unusable = await renewGenerations(connection, keys, sendInTurn);
    if (unusable.length > 0) notePlace(rule, 'set a generation anew that could not be incremented');
    await announce({ generations: keys }, sendInTurn);
  };

  return {
    async apply(batch, signal) {
      const failures: Failure[] = [];
      const send: Send =
        gate === undefined
          ? sendNow
          : async (command) => {
              if (!gate.isOpen()) await gate.opened(signal);
              signal.throwIfAborted();
              return sendNow(command);
            };
      let removed = 0;
      let swept = 0;
      let updates: UpdateCounts | undefined;

      const attempt = async (command: CacheCommand, work: () => Promise<void>): Promise<void> => {
        if (failures.length > 0) return;
        try {
          signal.throwIfAborted();
          await work();
        } catch (error) {
          failures.push({ command, error: isAbort(error, signal) ? givenUp() : classifyRedisError(error) });
        }
      };
      const sendInTurn: Send = (command) =>
        limiter.run(async () => {
          signal.throwIfAborted();
          return send(command);
        });
      const drainOne = (set: SetCommand): Promise<number> => drain(connection, set.key, set, sendInTurn);
      const removeAll = (scopes: readonly ScopeCommand[]): Promise<number> =>
        scopeRemover.remove(batch, scopes, sendInTurn, signal);

      const session = connection.sessions();
      const {
        deletes,
        marked,
        updates: values,
        sets,
        generations,
        scopes,
      } = splitBatch(batch, keysPerCommand);
      // In two steps: `removed += await …` would read the sum before other commands have added to it.
      const remove = async (count: Promise<number>): Promise<void> => {
        const number = await count;
        removed += number;
      };
      const store = async (counts: Promise<UpdateCounts>): Promise<void> => {
        const more = await counts;
        updates = updates === undefined ? more : sumOf(updates, more);
      };
      const eachInTurn = <Command extends CacheCommand>(
        groups: readonly Group<Command>[],
        work: (group: Group<Command>) => Promise<void>,
      ): Promise<void>[] => groups.map((group) => limiter.run(() => attempt(group[0], () => work(group))));
      await Promise.all([
        ...eachInTurn(deletes, (group) => remove(send(() => connection.unlink(group.flatMap(namesOf))))),
        ...eachInTurn(marked, (group) =>
          remove(removeWithMarker(connection, group, batch, { tombstone }, send)),
        ),
        ...eachInTurn(values, (group) => store(storeValues(connection, group, { tombstone }, send))),
      ]);
      if (publish !== undefined) {
        for (const group of [...deletes, ...marked, ...values]) {
          const keys = group.map(({ key }) => key);
          await attempt(group[0], () => announce({ keys }, sendInTurn));
        }
      }
      await Promise.all(
        sets.map((set) =>
          setLimiter.run(() =>
            attempt(set, async () => {
              const count = await drainOne(set);
              swept += count;
            }),
          ),
        ),
      );
      for (const group of generations) {
        const keys = group.map(({ key }) => key);
        await attempt(group[0], () => renew(keys, group[0].rule, sendInTurn));
      }
      const [firstScope] = scopes;
      if (firstScope !== undefined) {
        await attempt(firstScope, async () => {
          swept += await removeAll(scopes);
          const patterns = [...new Set(scopes.map(({ pattern }) => pattern))];
          await announce({ patterns }, sendInTurn);
        });
      }
      const [firstCommand] = batch.commands;
      if (firstCommand !== undefined && failures.length === 0) {
        try {
          await connection.settle(session);
          noteReplicas(undefined);
          scopeRemover.done(batch);
        } catch (error) {
          observer.replied(replyClass(error));
          const classified = classifyRedisError(error);
          noteReplicas(classified);
          failures.push({ command: firstCommand, error: classified });
        }
      }
      return resultOf(failures, { removed, swept, ...(updates === undefined ? {} : { updates }) });
    },
  };
}

/** A fatal failure outweighs a poisoned command, and that a failure that may pass. */
function resultOf(failures: readonly Failure[], counts: Applied): ApplyResult {
  const fatal = failures.find(({ error }) => error.policy.directive === 'fatal');
  if (fatal !== undefined) throw fatal.error;
  const poisoned = failures.find(({ error }) => error.policy.directive === 'poisoned');
  if (poisoned !== undefined) return { outcome: 'poisoned', ...poisoned };
  const [failure] = failures;
  if (failure !== undefined) return { outcome: 'retryable', error: failure.error };
  return { outcome: 'durable', ...counts };
}

function sumOf(one: UpdateCounts, other: UpdateCounts): UpdateCounts {
  return {
    stored: one.stored + other.stored,
    skipped: one.skipped + other.skipped,
    dropped: one.dropped + other.dropped,
    refused: one.refused + other.refused,
  };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && error === signal.reason;
}

function givenUp(): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_TIMEOUT',
    'gave up waiting for Redis because the daemon is stopping',
  );
}

/** One line when Redis begins to refuse something and one when it ends; the connection reports its own losses. */
function createRefusalLog(
  log: Log,
  { begins, ends }: { readonly begins: string; readonly ends: string },
): (error: UnstaleError | undefined) => void {
  let reported: string | undefined;
  return (error) => {
    if (error?.code === reported || error?.code === 'UNSTALE_REDIS_UNREACHABLE') return;
    // The daemon stops with it and says so.
    if (error?.policy.directive === 'fatal') return;
    reported = error?.code;
    if (error === undefined) log.info({}, ends);
    else log.warn({ code: error.code, reason: error.message }, begins);
  };
}

/** One line for each rule and thing: what happens again and again is news only once. */
function createPlaceLog(log: Log): (rule: string, message: string) => void {
  const reported = new Set<string>();
  return (rule, message) => {
    const line = `${rule} ${message}`;
    if (reported.has(line)) return;
    reported.add(line);
    log.warn({ rule }, message);
  };
}
