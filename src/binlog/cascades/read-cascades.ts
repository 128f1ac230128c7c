import { formatTable } from '../../change/table.ts';
import type { TableRef } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import { attempt } from '../preflight/attempt.ts';
import { quoteTable } from '../preflight/problem.ts';
import { isAtLeast, readGlobalVariables } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';
import { cascadesOf } from './foreign-key.ts';
import type { ForeignKeyCascade } from './foreign-key.ts';

/** The unlogged cascades that can reach some tables. */
export interface UnloggedCascades {
  /** Whether the server logs what cascades change; then there is nothing to find. */
  readonly logged: boolean;
  readonly cascades: readonly ForeignKeyCascade[];
  /** Parents whose definition the account may not see: cascades that reach them are not known. */
  readonly hidden: readonly TableRef[];
}

/**
 * Finds the foreign keys through which rows of these tables can change without row events: their own, those of
 * their parents, and so on. None on a server that logs such changes.
 *
 * It asks SHOW CREATE TABLE, which SELECT suffices for: MariaDB's information_schema hides foreign keys from
 * accounts that may only SELECT.
 * @throws UnstaleError when the server cannot be asked.
 */
export async function readCascades(
  client: SqlClient,
  server: ServerFacts,
  listTables: () => Promise<readonly TableRef[]>,
): Promise<UnloggedCascades> {
  const cascades: ForeignKeyCascade[] = [];
  const hidden: TableRef[] = [];
  const logged = await logsCascades(client, server);
  if (logged) return { logged, cascades, hidden };
  const tables = await listTables();
  const seen = new Set(tables.map(formatTable));
  const open = [...tables];
  for (let table = open.pop(); table !== undefined; table = open.pop()) {
    const shown = await attempt(client, `SHOW CREATE TABLE ${quoteTable(table.schema, table.table)}`);
    if (shown.outcome === 'denied') hidden.push(table);
    if (shown.outcome !== 'rows') continue;
    const ddl = shown.rows[0]?.['Create Table'];
    const own = typeof ddl === 'string' ? cascadesOf(ddl, table) : [];
    for (const cascade of own) {
      cascades.push(cascade);
      const parent = formatTable(cascade.parent);
      if (!seen.has(parent)) open.push(cascade.parent);
      seen.add(parent);
    }
  }
  return { logged, cascades, hidden };
}

/** MySQL logs them since 9.6, where foreign keys moved out of InnoDB, unless they were moved back. */
async function logsCascades(client: SqlClient, server: ServerFacts): Promise<boolean> {
  if (server.flavour === 'mariadb' || !isAtLeast(server.version, 9, 6)) return false;
  const variables = await readGlobalVariables(client, ['innodb_native_foreign_keys']);
  return (variables.get('innodb_native_foreign_keys') ?? 'OFF') === 'OFF';
}
