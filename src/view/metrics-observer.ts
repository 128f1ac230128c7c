import type { CacheCommand, UpdateOutcome } from '../change/command.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';

const UPDATE_OUTCOMES: readonly UpdateOutcome[] = ['stored', 'skipped', 'dropped', 'refused'];

/** Counts what the pipeline does. */
export function observePipeline(metrics: Metrics, onError: (error: Error) => void): PipelineObserver {
  return {
    transaction: () => metrics.transactions(1),
    rows: (op, table, count) => metrics.rowChanges(op, table, count),
    rowsSkipped: (count) => metrics.rowsSkipped(count),
    scope: (reason) => metrics.scopeInvalidation(reason),
    applied: (batch, { removed, updates }) => {
      const scopes = batch.commands.filter((command) => command.kind === 'scope');
      const count = (kind: CacheCommand['kind']): number =>
        batch.commands.filter((command) => command.kind === kind).length;
      const [deletes, sets, generations] = [count('delete'), count('set-keys'), count('generation')];
      const hits = Math.min(removed, deletes);
      if (hits > 0) metrics.commands(hits, 'delete', 'removed');
      if (deletes > hits) metrics.commands(deletes - hits, 'delete', 'absent');
      for (const outcome of UPDATE_OUTCOMES) {
        const number = updates?.[outcome] ?? 0;
        if (number > 0) metrics.commands(number, 'update', outcome);
      }
      if (sets > 0) metrics.commands(sets, 'set', 'done');
      if (generations > 0) metrics.commands(generations, 'generation', 'done');
      if (scopes.length > 0) metrics.commands(scopes.length, 'scope', 'done');
      // The others are counted when they come from the binlog; these begin in the mapping, row by row.
      for (const reason of ['unreadable', 'limit', 'outbox', 'reload'] as const) {
        if (scopes.some((scope) => scope.reason === reason)) metrics.scopeInvalidation(reason);
      }
    },
    acknowledged: (batch) => {
      metrics.binlogBytes(batch.bytes);
      if (batch.commands.length + batch.lookups.length === 0) return;
      if (batch.oldestCommitAt !== undefined) metrics.commitToRedis(batch.oldestCommitAt);
    },
    poisoned: ({ kind }) => metrics.commands(1, kind === 'set-keys' ? 'set' : kind, 'poisoned'),
    retry: (error) => {
      metrics.redisRetry();
      onError(error);
    },
  };
}
