import { text } from '../binlog/preflight/catalog.ts';
import type { SqlRow } from '../pipeline/ports.ts';

/** A table that a statement reads as a whole. */
export interface FullScan {
  /** As the statement calls it. */
  readonly table: string;
  /** The server's estimate. */
  readonly rows: number;
}

/** Rows from which on a full scan is worth a word. */
export const MANY_ROWS = 1000;

/** The large tables that are read as a whole, by the rows of EXPLAIN in its tabular form, which both servers have. */
export function fullScans(plan: readonly SqlRow[]): FullScan[] {
  return plan.flatMap((row): FullScan[] => {
    const table = text(row, 'table');
    const rows = Number(text(row, 'rows'));
    // Results of the statement's own parts stand in angle brackets. `index` reads a whole index.
    const isTable = table !== '' && !table.startsWith('<');
    const isWhole = ['ALL', 'index'].includes(text(row, 'type'));
    return isTable && isWhole && rows >= MANY_ROWS ? [{ table, rows }] : [];
  });
}
