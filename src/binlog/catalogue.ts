import type { SqlClient } from '../pipeline/ports.ts';
import type { CatalogueColumns } from './decoder/catalogue-columns.ts';
import { text } from './preflight/catalog.ts';

/**
 * The columns of a table that the account may see, in their order, as they are now; undefined when there are none.
 * A privilege on some columns hides the others, so the account needs SELECT on the whole table.
 * @throws UnstaleError of the client
 */
export async function readTableDefinition(
  client: SqlClient,
  schema: string,
  table: string,
): Promise<CatalogueColumns | undefined> {
  const rows = await client.query(
    'SELECT COLUMN_NAME AS name, DATA_TYPE AS dataType, COLUMN_TYPE AS columnType, CHARACTER_SET_NAME AS charset, ' +
      'CHARACTER_OCTET_LENGTH AS octets, NUMERIC_PRECISION AS digits, NUMERIC_SCALE AS scale, ' +
      'DATETIME_PRECISION AS fraction FROM information_schema.COLUMNS ' +
      'WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION',
    [schema, table],
  );
  if (rows.length === 0) return undefined;
  return rows.map((row) => ({
    name: text(row, 'name'),
    dataType: text(row, 'dataType').toLowerCase(),
    columnType: text(row, 'columnType'),
    charset: text(row, 'charset') || undefined,
    octets: Number(row['octets'] ?? 0),
    precision: Number(row['digits'] ?? 0),
    scale: Number(row['scale'] ?? 0),
    fraction: Number(row['fraction'] ?? 0),
  }));
}
