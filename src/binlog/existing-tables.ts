import type { TableInterest, TableInterests } from '../change/table.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { isTable, marks, SYSTEM_SCHEMAS, text } from './preflight/catalog.ts';

/**
 * The tables that rules name, whether they exist or not, and behind them those that exist, that the account may see
 * and that a pattern selects. Without patterns the server is not asked. The system's own tables and those of the state are none
 * of them.
 * @throws UnstaleError of the client
 */
export async function existingTables(
  client: SqlClient,
  interests: TableInterests,
  stateSchema: string | undefined,
): Promise<readonly TableInterest[]> {
  if (!interests.hasPatterns) return interests.named;
  const excluded = stateSchema === undefined ? SYSTEM_SCHEMAS : [...SYSTEM_SCHEMAS, stateSchema];
  const rows = await client.query(
    'SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t, TABLE_TYPE AS type FROM information_schema.TABLES ' +
      `WHERE TABLE_SCHEMA NOT IN (${marks(excluded)}) ORDER BY TABLE_SCHEMA, TABLE_NAME`,
    excluded,
  );
  const selected = new Set(interests.named);
  for (const row of rows) {
    const interest = isTable(text(row, 'type')) ? interests.of(text(row, 's'), text(row, 't')) : undefined;
    if (interest !== undefined) selected.add(interest);
  }
  return [...selected];
}
