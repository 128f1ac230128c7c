import type { RowChange } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import type { MappingOutput, MapRow } from './plan.ts';

/** What a plan makes of the rows of one table. */
export interface Planned {
  /** The plan, or what else stands for it. */
  readonly owner: object;
  readonly map: MapRow;
  readonly label: string;
}

/** A table that carries what a plan made of it, so that a row leads there without a search. To others it is two names. */
export class PlannedTable implements TableRef {
  readonly schema: string;
  readonly table: string;
  readonly #owner: object;
  readonly #map: MapRow;
  readonly #label: string;

  constructor({ schema, table }: TableRef, { owner, map, label }: Planned) {
    this.schema = schema;
    this.table = table;
    this.#owner = owner;
    this.#map = map;
    this.#label = label;
  }

  /** This very object if the plan of this owner made it. */
  static from(table: TableRef, owner: object): PlannedTable | undefined {
    return #owner in table && table.#owner === owner ? table : undefined;
  }

  /** Appends what a changed row of the table asks for. */
  map(change: RowChange, out: MappingOutput): void {
    this.#map(change, out);
  }

  /** What metrics call the table. */
  label(): string {
    return this.#label;
  }
}
