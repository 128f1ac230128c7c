import type { RowChange, RowOperation } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import type { MappingOutput, MappingPlan } from '../mapping/plan.ts';
import type { PipelineObserver } from './observer.ts';
import type { OpenBatch } from './open-batch.ts';

/** Maps rows by one plan into the open batch, and counts them. */
export class RowMapper {
  readonly #plan: MappingPlan;
  readonly #observer: PipelineObserver;
  readonly #mapped: MappingOutput = {
    commands: [],
    lookups: [],
    nullKeys: 0,
    keysOfTransaction: new Map(),
  };

  constructor(plan: MappingPlan, observer: PipelineObserver) {
    this.#plan = plan;
    this.#observer = observer;
  }

  /** Adds what these rows of one transaction make stale. */
  map(changes: readonly RowChange[], open: OpenBatch): void {
    const [mapped, plan, observer] = [this.#mapped, this.#plan, this.#observer];
    let op: RowOperation | undefined;
    let table: TableRef | undefined;
    let run = 0;
    let skipped = 0;
    for (const change of changes) {
      if (change.op !== op || change.table !== table) {
        if (op !== undefined && table !== undefined) observer.rows(op, plan.labelOf(table), run);
        op = change.op;
        table = change.table;
        run = 0;
      }
      run += 1;
      const before = mapped.commands.length + mapped.lookups.length;
      mapped.nullKeys = 0;
      plan.map(change, mapped);
      skipped += mapped.commands.length + mapped.lookups.length === before ? 1 : mapped.nullKeys;
    }
    if (op !== undefined && table !== undefined) observer.rows(op, plan.labelOf(table), run);
    if (skipped > 0) observer.rowsSkipped(skipped);
    open.add(mapped.commands);
    mapped.commands.length = 0;
    if (mapped.lookups.length > 0) open.addLookups(mapped.lookups);
    mapped.lookups.length = 0;
  }

  /** The transaction of the rows is complete. */
  endTransaction(): void {
    this.#mapped.keysOfTransaction.clear();
    this.#observer.transaction();
  }
}
