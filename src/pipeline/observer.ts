import type { CommandBatch } from '../change/command.ts';
import type { RowOperation } from '../change/row-change.ts';
import type { ScopeReason } from '../change/source-event.ts';
import type { TableRef } from '../change/table.ts';

/** What the pipeline tells the metrics. Called once a slice or batch, never once a row. */
export interface PipelineObserver {
  transaction(): void;
  rows(op: RowOperation, table: TableRef, count: number): void;
  /** Rows that gave no key (an operation that no rule lists, or NULL), and single images with NULL in a key. */
  rowsSkipped(count: number): void;
  scope(reason: ScopeReason): void;
  /** Redis acknowledged the batch; `removed` counts the keys that existed. */
  applied(batch: CommandBatch, removed: number): void;
  retry(error: Error): void;
}
