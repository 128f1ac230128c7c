import type { SqlClient, SqlRow } from '../../pipeline/ports.ts';
import type { ColumnFacts } from './column-type.ts';

/** Schemas of the server itself. */
export const SYSTEM_SCHEMAS: readonly string[] = ['information_schema', 'mysql', 'performance_schema', 'sys'];

/** A table as information_schema shows it to the account. */
export interface CatalogTable {
  readonly schema: string;
  readonly table: string;
  /** `BASE TABLE`, `VIEW`, `SYSTEM VERSIONED` … */
  readonly type: string;
}

/** Every table of these schemas that the account may see; a schema in lower case counts as the same. */
export async function readTables(
  client: SqlClient,
  schemas: readonly string[],
): Promise<readonly CatalogTable[]> {
  if (schemas.length === 0) return [];
  const spellings = [...new Set(schemas.flatMap((schema) => [schema, schema.toLowerCase()]))];
  const rows = await client.query(
    'SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, TABLE_TYPE AS type FROM information_schema.TABLES ' +
      `WHERE TABLE_SCHEMA IN (${marks(spellings)}) ORDER BY TABLE_SCHEMA, TABLE_NAME`,
    spellings,
  );
  return rows.map((row) => ({ schema: text(row, 's'), table: text(row, 't'), type: text(row, 'type') }));
}

/** Whether its changes can be in the binlog. System versioning is MariaDB's: such a table logs its rows like any other. */
export function isTable(type: string): boolean {
  return type === 'BASE TABLE' || type === 'SYSTEM VERSIONED';
}

/** The columns of a table that the account may see, in their order. */
export async function readColumns(
  client: SqlClient,
  schema: string,
  table: string,
): Promise<readonly ColumnFacts[]> {
  const rows = await client.query(
    'SELECT COLUMN_NAME AS name, DATA_TYPE AS dataType, COLUMN_TYPE AS columnType, IS_NULLABLE AS nullable, ' +
      'COLUMN_KEY AS columnKey, EXTRA AS extra ' +
      'FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  return rows.map(toColumn);
}

/** A row with the names `name`, `dataType`, `columnType`, `nullable`, `columnKey` and `extra`. */
export function toColumn(row: SqlRow): ColumnFacts {
  return {
    name: text(row, 'name'),
    dataType: text(row, 'dataType').toLowerCase(),
    columnType: text(row, 'columnType'),
    nullable: text(row, 'nullable') === 'YES',
    inPrimaryKey: text(row, 'columnKey') === 'PRI',
    generated: /\b(?:VIRTUAL|STORED|PERSISTENT)\b/i.test(text(row, 'extra')),
  };
}

/** As many question marks as values, for IN (…). */
export function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

/** A field as text, empty for NULL; some servers declare those of information_schema as binary. */
export function text(row: SqlRow, field: string): string {
  const value = row[field];
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return typeof value === 'number' ? String(value) : '';
}
