import type { ApplyResult, CacheCommand, CommandBatch } from '../change/command.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { CommandSink, Log, Sleep } from '../pipeline/ports.ts';
import type { RedisConnection } from './connection.ts';
import { createLimiter } from './limiter.ts';
import { classifyRedisError, replyClass } from './replies.ts';
import { ScopeSweep } from './scope.ts';
import type { Send } from './scope.ts';

interface RedisSinkObserver {
  /** One reply, or the lack of one; see `replyClass`. */
  replied(replyClass: string): void;
}

export interface RedisSinkOptions {
  readonly connection: RedisConnection;
  /** All that hold keys, for scopes; default: `connection` alone. */
  readonly nodes?: readonly RedisConnection[];
  /** Keys that a scope looks at in a second, on each node; Infinity for no limit. */
  readonly scopeScanRate: number;
  readonly sleep: Sleep;
  readonly log: Log;
  readonly observer: RedisSinkObserver;
  /** Keys that one UNLINK takes; default 500. */
  readonly keysPerCommand?: number;
  /** Commands in flight, over all batches; default 2. More gains nothing, it only delays other clients. */
  readonly commandsInFlight?: number;
}

type ScopeCommand = Extract<CacheCommand, { kind: 'scope' }>;

/** The scopes of one batch, however often it has to be sent. */
interface Sweeping {
  readonly sweep: ScopeSweep;
  /** What the log says of it. */
  readonly about: { readonly patterns: readonly string[]; readonly reasons: readonly string[] };
  readonly startedAt: number;
}

interface Failure {
  readonly error: UnstaleError;
  readonly command: CacheCommand;
}

/**
 * Applies batches to one Redis: first all deletes, in UNLINKs of many keys, then all scopes in one pass.
 *
 * A batch is durable when every command got the reply that it should. After the first error nothing more of
 * the batch is sent, and what was sent is waited for; the whole batch is then to be sent again.
 * Its scopes go on where they were.
 */
export function createRedisSink(options: RedisSinkOptions): CommandSink {
  const { connection, log, observer, scopeScanRate, sleep } = options;
  const { nodes = [connection], keysPerCommand = 500, commandsInFlight = 2 } = options;
  const limiter = createLimiter(commandsInFlight);
  const noteOutcome = createRefusalLog(log);
  // By batch: commands are shared between batches, and a later one has to look at all keys again.
  const sweeps = new WeakMap<CommandBatch, Sweeping>();

  const send: Send = async (command) => {
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

  const sweepingOf = (batch: CommandBatch, scopes: readonly ScopeCommand[]): Sweeping => {
    const known = sweeps.get(batch);
    if (known !== undefined) return known;
    const patterns = [...new Set(scopes.map(({ pattern }) => pattern))];
    const about = { patterns, reasons: [...new Set(scopes.map(({ reason }) => reason))] };
    const sweep = new ScopeSweep(patterns, {
      nodes,
      keysPerCommand,
      scanRate: scopeScanRate,
      sleep,
      onProgress: (progress) =>
        log.info({ ...about, ...progress }, 'still looking for the keys of scopes to remove'),
    });
    log.info(about, 'removing all keys of scopes');
    const sweeping = { sweep, about, startedAt: performance.now() };
    sweeps.set(batch, sweeping);
    return sweeping;
  };

  const removeScopes = async (
    batch: CommandBatch,
    scopes: readonly ScopeCommand[],
    sendInTurn: Send,
    signal: AbortSignal,
  ): Promise<number> => {
    const { sweep, about, startedAt } = sweepingOf(batch, scopes);
    await sweep.run(sendInTurn, signal);
    // A batch whose changes were not visible yet is sent once more, and has to be swept once more.
    sweeps.delete(batch);
    const { removed } = sweep.progress;
    log.info(
      { ...about, removed, durationMs: Math.round(performance.now() - startedAt) },
      'removed all keys of scopes',
    );
    return removed;
  };

  return {
    async apply(batch, signal) {
      const failures: Failure[] = [];
      let removed = 0;

      const attempt = async (command: CacheCommand, work: () => Promise<number>): Promise<void> => {
        if (failures.length > 0) return;
        try {
          signal.throwIfAborted();
          // Two steps: `removed += await …` would read the sum before other commands have added to it.
          const count = await work();
          removed += count;
        } catch (error) {
          failures.push({ command, error: isAbort(error, signal) ? givenUp() : classifyRedisError(error) });
        }
      };

      const { deletes, scopes } = splitBatch(batch, keysPerCommand);
      await Promise.all(
        deletes.map(({ first, keys }) =>
          limiter.run(() => attempt(first, () => send(() => connection.unlink(keys)))),
        ),
      );

      const sendInTurn: Send = (command) =>
        limiter.run(async () => {
          signal.throwIfAborted();
          return send(command);
        });
      const [first] = scopes;
      if (first !== undefined) {
        await attempt(first, () => removeScopes(batch, scopes, sendInTurn, signal));
      }
      return resultOf(failures, removed);
    },
  };
}

/** A fatal failure outweighs a poisoned command, and that a failure that may pass. */
function resultOf(failures: readonly Failure[], removed: number): ApplyResult {
  const fatal = failures.find(({ error }) => error.policy.directive === 'fatal');
  if (fatal !== undefined) throw fatal.error;
  const poisoned = failures.find(({ error }) => error.policy.directive === 'poisoned');
  if (poisoned !== undefined) return { outcome: 'poisoned', ...poisoned };
  const [failure] = failures;
  if (failure !== undefined) return { outcome: 'retryable', error: failure.error };
  return { outcome: 'durable', removed };
}

interface KeyGroup {
  /** Stands for the group where an error has to name one command. */
  readonly first: CacheCommand;
  readonly keys: string[];
}

function splitBatch(
  batch: CommandBatch,
  keysPerCommand: number,
): { deletes: readonly KeyGroup[]; scopes: readonly ScopeCommand[] } {
  const deletes: KeyGroup[] = [];
  const scopes: ScopeCommand[] = [];
  let group: KeyGroup | undefined;
  for (const command of batch.commands) {
    if (command.kind === 'scope') {
      scopes.push(command);
    } else if (group === undefined || group.keys.length >= keysPerCommand) {
      group = { first: command, keys: [command.key] };
      deletes.push(group);
    } else {
      group.keys.push(command.key);
    }
  }
  return { deletes, scopes };
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

/** One line when Redis begins to refuse commands and one when it ends; the connection reports its own losses. */
function createRefusalLog(log: Log): (error: UnstaleError | undefined) => void {
  let reported: string | undefined;
  return (error) => {
    if (error?.code === reported || error?.code === 'UNSTALE_REDIS_UNREACHABLE') return;
    // The daemon stops with it and says so.
    if (error?.policy.directive === 'fatal') return;
    reported = error?.code;
    if (error === undefined) log.info({}, 'Redis executes commands again');
    else log.warn({ code: error.code, reason: error.message }, 'Redis does not execute commands');
  };
}
