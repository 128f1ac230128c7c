import type { TableRef } from './table.ts';

/**
 * One column of a row image, equal to what a SELECT gives: integers as numbers (as decimal strings beyond
 * 2^53), DECIMAL, dates and text as strings, binary columns as bytes, SQL NULL as null. `undefined` means
 * that the row image does not hold the column (binlog_row_image other than FULL): absent is not NULL.
 */
export type ColumnValue = string | number | Uint8Array | null | undefined;

/**
 * A value of a result of a SELECT, as a driver gives it, as the binlog would give it; what has no such text is
 * unknown, as an absent column is.
 */
export function toColumnValue(value: unknown): ColumnValue {
  if (typeof value === 'string' || typeof value === 'number' || value === null) return value;
  return value instanceof Uint8Array ? value : undefined;
}

/** The values of a table's `TableInterest.columns`, in that order. */
export type RowImage = readonly ColumnValue[];

export type RowOperation = 'insert' | 'update' | 'delete';

/** One changed row, with only the columns that the rules need. */
export type RowChange =
  | { readonly op: 'insert'; readonly table: TableRef; readonly after: RowImage }
  | { readonly op: 'update'; readonly table: TableRef; readonly before: RowImage; readonly after: RowImage }
  | { readonly op: 'delete'; readonly table: TableRef; readonly before: RowImage };
