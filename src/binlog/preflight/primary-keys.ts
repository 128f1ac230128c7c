import type { SqlClient } from '../../pipeline/ports.ts';
import { marks, SYSTEM_SCHEMAS, text, toColumn } from './catalog.ts';
import { keyColumnRefusal } from './column-type.ts';
import type { ColumnFacts } from './column-type.ts';

/** A table and whether its primary key can name cache keys; `reason` says why it cannot. */
export interface TablePrimaryKey {
  readonly schema: string;
  readonly table: string;
  /** In the key's order; empty without one. */
  readonly primaryKey: readonly string[];
  readonly usable: boolean;
  readonly reason?: string;
}

/**
 * All tables of `schemas` that the account may see; without any, all outside the system's schemas.
 * @throws UnstaleError of the client
 */
export async function listPrimaryKeys(
  client: SqlClient,
  schemas: readonly string[] = [],
): Promise<readonly TablePrimaryKey[]> {
  const all = schemas.length === 0;
  const names = all ? SYSTEM_SCHEMAS : schemas;
  const rows = await client.query(
    'SELECT t.TABLE_SCHEMA AS s, t.TABLE_NAME AS t, c.COLUMN_NAME AS name, c.DATA_TYPE AS dataType, ' +
      'c.COLUMN_TYPE AS columnType, c.IS_NULLABLE AS nullable, c.COLUMN_KEY AS columnKey, c.EXTRA AS extra, k.ORDINAL_POSITION AS place ' +
      'FROM information_schema.TABLES t ' +
      'JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME ' +
      'LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.TABLE_SCHEMA = c.TABLE_SCHEMA ' +
      "AND k.TABLE_NAME = c.TABLE_NAME AND k.COLUMN_NAME = c.COLUMN_NAME AND k.CONSTRAINT_NAME = 'PRIMARY' " +
      "WHERE t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') " +
      `AND t.TABLE_SCHEMA ${all ? 'NOT ' : ''}IN (${marks(names)}) ` +
      'ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME, k.ORDINAL_POSITION',
    names,
  );
  const tables = new Map<string, TableColumns>();
  for (const row of rows) {
    const [schema, table] = [text(row, 's'), text(row, 't')];
    const id = JSON.stringify([schema, table]);
    const entry = tables.get(id) ?? { schema, table, key: [], generated: false };
    const column = toColumn(row);
    if (row['place'] !== null) {
      entry.key.push(column);
      // MySQL's generated invisible primary key, of which the application knows nothing.
      entry.generated ||= column.name === 'my_row_id' && /\bINVISIBLE\b/i.test(text(row, 'extra'));
    }
    tables.set(id, entry);
  }
  return [...tables.values()].map(judge);
}

interface TableColumns {
  readonly schema: string;
  readonly table: string;
  readonly key: ColumnFacts[];
  generated: boolean;
}

function judge(entry: TableColumns): TablePrimaryKey {
  const { schema, table, key } = entry;
  const reason = refusal(entry);
  return {
    schema,
    table,
    primaryKey: key.map(({ name }) => name),
    usable: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
  };
}

function refusal({ key, generated }: TableColumns): string | undefined {
  if (key.length === 0) return 'it has no primary key';
  if (generated) return 'its primary key is generated and invisible';
  for (const column of key) {
    const why = keyColumnRefusal(column, []);
    if (why !== undefined) return `${column.name} is ${column.columnType.toUpperCase()}: ${why}`;
  }
  return undefined;
}
