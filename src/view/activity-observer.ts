import type { Activity } from '../observability/activity.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';

/** An observer that also counts what the console and /status show. */
export function withActivity(observer: PipelineObserver, activity: Activity): PipelineObserver {
  return {
    ...observer,
    transaction: () => {
      observer.transaction();
      activity.transaction();
    },
    rows: (op, table, count) => {
      observer.rows(op, table, count);
      activity.rowsChanged(count);
    },
    applied: (sent, result) => {
      observer.applied(sent, result);
      activity.applied(sent.commands, result);
    },
    poisoned: (command) => {
      observer.poisoned(command);
      activity.rules.poisoned(command);
    },
    acknowledged: (batch) => {
      observer.acknowledged(batch);
      if (batch.oldestCommitAt !== undefined && batch.commands.length + batch.lookups.length > 0)
        activity.acknowledged(batch.oldestCommitAt);
    },
  };
}
