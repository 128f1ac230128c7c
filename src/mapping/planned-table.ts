import type { RowChange } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import type { MappingOutput, MapRow } from './plan.ts';

/** What a plan knows of a table, whatever becomes of its rows. */
export interface Planned {
  /** The plan, or what else stands for it. */
  readonly owner: object;
  readonly table: TableRef;
  readonly label: string;
}

/** A table that carries what a plan made of it, so that a row leads there without a search. To others it is two names. */
export abstract class PlannedTable implements TableRef {
  readonly schema: string;
  readonly table: string;
  readonly #owner: object;
  readonly #label: string;

  constructor({ owner, table, label }: Planned) {
    this.schema = table.schema;
    this.table = table.table;
    this.#owner = owner;
    this.#label = label;
  }

  /** This very object if the plan of this owner made it. */
  static from(table: TableRef, owner: object): PlannedTable | undefined {
    return #owner in table && table.#owner === owner ? table : undefined;
  }

  /** Appends what a changed row of the table asks for. */
  abstract map(change: RowChange, out: MappingOutput): void;

  /** What metrics call the table. */
  label(): string {
    return this.#label;
  }
}

/** A table with several rules, or one that asks more of a row than a key of one column. */
export class MappedTable extends PlannedTable {
  readonly #map: MapRow;

  constructor(planned: Planned, map: MapRow) {
    super(planned);
    this.#map = map;
  }

  map(change: RowChange, out: MappingOutput): void {
    this.#map(change, out);
  }
}
