import type { RowChange, RowOperation } from '../change/row-change.ts';
import type { CacheCommand } from '../change/command.ts';
import type { CommitMark } from '../change/source-event.ts';
import type { TableRef } from '../change/table.ts';
import type { MappingOutput, MappingPlan } from '../mapping/plan.ts';
import type { PipelineObserver } from './observer.ts';
import type { OpenBatch } from './open-batch.ts';

/** Maps rows by one plan into the open batch, and counts them. */
export class RowMapper {
  readonly #plan: MappingPlan;
  readonly #observer: PipelineObserver;
  /** Of the row that is mapped. */
  readonly #place = { epoch: 0, file: '', offset: 0, ordinal: 0 };
  readonly #mapped: MappingOutput = {
    commands: [],
    lookups: [],
    nullKeys: 0,
    keysOfTransaction: new Map(),
    place: this.#place,
  };

  constructor(plan: MappingPlan, observer: PipelineObserver) {
    this.#plan = plan;
    this.#observer = observer;
  }

  /**
   * Adds what these rows of one transaction make stale. In a `replay`, whose changes may have been applied before, no
   * value is stored: an old one could take the place of what is not known any more.
   */
  map(changes: readonly RowChange[], mark: CommitMark, replay: boolean, open: OpenBatch): void {
    const [mapped, plan, observer, place] = [this.#mapped, this.#plan, this.#observer, this.#place];
    place.epoch = mark.epoch;
    place.file = mark.file;
    place.offset = mark.offset;
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
      place.ordinal += 1;
      skipped += mapped.commands.length + mapped.lookups.length === before ? 1 : mapped.nullKeys;
    }
    if (op !== undefined && table !== undefined) observer.rows(op, plan.labelOf(table), run);
    if (skipped > 0) observer.rowsSkipped(skipped);
    open.add(replay ? mapped.commands.map(withoutValue) : mapped.commands);
    mapped.commands.length = 0;
    if (mapped.lookups.length > 0) open.addLookups(mapped.lookups);
    mapped.lookups.length = 0;
  }

  /** The transaction of the rows is complete. */
  endTransaction(): void {
    this.#mapped.keysOfTransaction.clear();
    this.#place.ordinal = 0;
    this.#observer.transaction();
  }
}

function withoutValue(command: CacheCommand): CacheCommand {
  if (command.kind !== 'update') return command;
  const { key, rule, version } = command;
  return { kind: 'delete', key, rule, guard: { kind: 'marker', version, holdMs: 0 } };
}
