import type { CommandBatch } from '../change/command.ts';
import type { Log, Sleep } from '../pipeline/ports.ts';
import type { ScopeCommand } from './batch-parts.ts';
import { gtidField } from '../change/gtids.ts';
import { companionPatterns } from '../protocol/companion-key.ts';
import type { RedisConnection } from './connection.ts';
import { ScopeSweep } from './scope.ts';
import type { Send } from './send.ts';

interface ScopeRemoverOptions {
  /** What the connection's `sessions` says. */
  readonly sessions: () => number;
  readonly nodes: () => readonly RedisConnection[];
  readonly keysPerCommand: number;
  readonly scopeScanRate: number;
  /** Removes the keys that a set names, for a scope; resolves with how many existed. */
  readonly drain: (node: RedisConnection, key: Buffer, scope: ScopeCommand, send: Send) => Promise<number>;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** One pass for scopes of a batch, however often the batch has to be sent. */
interface Sweeping {
  readonly sweep: ScopeSweep;
  /** What the log says of it. */
  readonly about: { readonly patterns: readonly string[]; readonly reasons: readonly string[] };
  readonly startedAt: number;
  /** Whether what it removes are keys of the application. */
  readonly counts: boolean;
  finished: boolean;
}

interface ScopeRemover {
  /** Removes scopes of a batch; resolves with the number of keys that existed. */
  remove(
    batch: CommandBatch,
    scopes: readonly ScopeCommand[],
    send: Send,
    signal: AbortSignal,
  ): Promise<number>;
  /** The batch is durable. Should it be sent once more, its changes were not visible, and all keys are looked at again. */
  done(batch: CommandBatch): void;
}

/** What a pass looks for. */
type Stage = 'sets' | 'companions' | 'keys';

/**
 * Sets first: a plain pattern may match them too, and nobody would know their members then. Companions before keys: a
 * reader whose lease was there before fills its key before the second pass begins, which finds it, or not at all.
 */
const STAGES: readonly Stage[] = ['sets', 'companions', 'keys'];

/**
 * Removes all scopes of a batch in one pass over each keyspace, in more if some lead to sets of keys or to keys that
 * readers take leases on. A batch that is sent again after a failure goes on where it was; when all was removed and the
 * session is still the same, as where only replicas are behind, nothing is looked at again.
 */
export function createScopeRemover(options: ScopeRemoverOptions): ScopeRemover {
  const { sessions, nodes, keysPerCommand, scopeScanRate, sleep, log, drain } = options;
  // By batch: commands are shared between batches, and a later one has to look at all keys again.
  const known = new WeakMap<CommandBatch, readonly Sweeping[]>();
  const lastSession = new WeakMap<CommandBatch, number>();

  const begin = (stage: Stage, all: readonly ScopeCommand[], batch: CommandBatch): Sweeping[] => {
    const scopes = all.filter((scope) => isOf(stage, scope));
    const [first] = scopes;
    if (first === undefined) return [];
    const wanted = [...new Set(scopes.map(({ pattern }) => pattern))];
    const patterns = stage === 'companions' ? wanted.flatMap(companionPatterns) : wanted;
    const members = stage === 'sets';
    const reasons = [...new Set(scopes.map(({ reason }) => reason))];
    const about = { patterns, reasons, ...gtidField(batch.marks) };
    const sweep = new ScopeSweep(patterns, {
      nodes,
      keysPerRemoval: members ? 1 : keysPerCommand,
      remove: members
        ? async (node, keys, send) => {
            let removed = 0;
            for (const key of keys) removed += await drain(node, key, first, send);
            return removed;
          }
        : (node, keys, send) => send(() => node.unlink(keys)),
      scanRate: scopeScanRate,
      sleep,
      onProgress: (progress) =>
        log.info({ ...about, ...progress }, 'still looking for the keys of scopes to remove'),
    });
    return [{ sweep, about, startedAt: performance.now(), counts: stage !== 'companions', finished: false }];
  };

  const sweepingsOf = (batch: CommandBatch, scopes: readonly ScopeCommand[]): readonly Sweeping[] => {
    const open = known.get(batch);
    // Who answers in another session may never have got what was removed.
    const isLost = open?.every(({ finished }) => finished) === true && lastSession.get(batch) !== sessions();
    if (open !== undefined && !isLost) return open;
    const sweepings = STAGES.flatMap((stage) => begin(stage, scopes, batch));
    for (const { about } of sweepings) log.info(about, 'removing all keys of scopes');
    known.set(batch, sweepings);
    return sweepings;
  };

  const remove: ScopeRemover['remove'] = async (batch, scopes, send, signal) => {
    const sweepings = sweepingsOf(batch, scopes);
    lastSession.set(batch, sessions());
    for (const sweeping of sweepings) {
      if (sweeping.finished) continue;
      await sweeping.sweep.run(send, signal);
      sweeping.finished = true;
      const { about, startedAt } = sweeping;
      const { removed } = sweeping.sweep.progress;
      log.info(
        { ...about, removed, durationMs: Math.round(performance.now() - startedAt) },
        'removed all keys of scopes',
      );
    }
    return sweepings.reduce((total, { sweep, counts }) => total + (counts ? sweep.progress.removed : 0), 0);
  };
  return { remove, done: (batch) => void known.delete(batch) };
}

function isOf(stage: Stage, { members, guarded }: ScopeCommand): boolean {
  switch (stage) {
    case 'sets':
      return members;
    case 'companions':
      return guarded === true && !members;
    case 'keys':
      return !members;
  }
}
