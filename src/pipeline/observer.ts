import type { Applied, CacheCommand, CommandBatch } from '../change/command.ts';
import type { RowOperation } from '../change/row-change.ts';
import type { ScopeReason } from '../change/source-event.ts';

/** What the pipeline tells the metrics. Called once a slice or batch, never once a row. */
export interface PipelineObserver {
  transaction(): void;
  /** `table` is the plan's label of it. */
  rows(op: RowOperation, table: string, count: number): void;
  /** Rows that gave no key (an operation that no rule lists, or NULL), and single images with NULL in a key. */
  rowsSkipped(count: number): void;
  scope(reason: ScopeReason): void;
  /**
   * Redis acknowledged the commands of `sent`, those from lookups among them, with this result.
   * `sent` may be a part of a batch, and comes again where a batch in doubt is repeated. Deletes that a limit held
   * back come without bytes, marks and commit time.
   */
  applied(sent: CommandBatch, result: Applied): void;
  /** Everything of the batch is done, once a batch: the time for its bytes and its oldest commit. */
  acknowledged(batch: CommandBatch): void;
  retry(error: Error): void;
  /** Redis refuses the command for good; the pipeline ends with it. */
  poisoned(command: CacheCommand): void;
}
