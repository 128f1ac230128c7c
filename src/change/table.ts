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
  /** Those of `columns` that nobody reads in the before image of an UPDATE whose after image has them. */
  readonly onlyAfter?: readonly string[];
}

/** A table whose names may not be known: what a statement reached. Without `table` any of the schema, without both any. */
export interface TableReach {
  readonly schema?: string;
  readonly table?: string;
}

/** Which tables the mapping wants, and what of them. */
export interface TableInterests {
  /** Those that rules name exactly; patterns may select more. */
  readonly named: readonly TableInterest[];
  /**
   * The interest in a table, by its names as the binlog spells them: always the same object for the same table,
   * undefined if no rule selects it.
   */
  of(schema: string, table: string): TableInterest | undefined;
  /** Whether a rule may select one of these tables. Names compare without case. */
  mayReach(reach: TableReach): boolean;
  /** Whether patterns may select tables that `named` does not hold. */
  readonly hasPatterns: boolean;
}

/** `schema.table`, for people: logs, errors and metric labels. */
export function formatTable(table: TableRef): string {
  return `${table.schema}.${table.table}`;
}
