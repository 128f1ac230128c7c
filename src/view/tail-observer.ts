import type { TailedCommand } from '../admin/tail-filter.ts';
import type { TailHub } from '../admin/tail.ts';
import type { CommandBatch } from '../change/command.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';

/**
 * An observer that shows what is applied to those who read along, too.
 *
 * @param dryRun nothing is sent to Redis, and nothing is known of what is there
 */
export function withTail(observer: PipelineObserver, tail: TailHub, dryRun: boolean): PipelineObserver {
  return {
    ...observer,
    applied: (sent, result) => {
      observer.applied(sent, result);
      if (tail.isIdle) return;
      const { commands, oldestCommitAt } = sent;
      const deleted = dryRun ? 'dry_run' : resultOfDeletes(sent, result.removed);
      const others = dryRun ? 'dry_run' : 'done';
      const resultOf = ({ kind }: TailedCommand): string => (kind === 'delete' ? deleted : others);
      tail.applied({ commands, resultOf, oldestCommitAt });
    },
  };
}

/** Redis counts the keys of a command that existed; which they were is known if it is all or none. */
function resultOfDeletes({ commands }: CommandBatch, removed: number): string {
  if (removed === 0) return 'absent';
  return removed >= commands.filter(({ kind }) => kind === 'delete').length ? 'removed' : 'done';
}
