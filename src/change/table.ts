/** A table by its schema (database) and its own name, both as MySQL spells them. */
export interface TableRef {
  readonly schema: string;
  readonly table: string;
}

/**
 * What the mapping asks of the binlog for one table.
 *
 * Row images of this table hold one value for each entry of `columns`, in that order. A source puts this
 * very `table` object on every change, so that a consumer may look plans up by identity.
 */
export interface TableInterest {
  readonly table: TableRef;
  readonly columns: readonly string[];
}

/** `schema.table`, for people: logs, errors and metric labels. */
export function formatTable(table: TableRef): string {
  return `${table.schema}.${table.table}`;
}
