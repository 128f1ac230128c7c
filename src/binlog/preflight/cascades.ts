import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import { attempt } from './attempt.ts';
import { quoteTable } from './problem.ts';
import type { PreflightProblem } from './problem.ts';
import { isAtLeast, readGlobalVariables } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';

/** A foreign key through which a change of the parent changes rows of the child. */
export interface Cascade {
  readonly constraint: string;
  readonly parent: string;
  /** E.g. `ON DELETE CASCADE, ON UPDATE SET NULL`. */
  readonly actions: string;
}

/** Mapped tables whose rows change by cascade without a trace in the binlog. */
export async function checkCascades(
  client: SqlClient,
  server: ServerFacts,
  tables: readonly TableInterest[],
): Promise<readonly PreflightProblem[]> {
  if (await logsCascades(client, server)) return [];
  const problems: PreflightProblem[] = [];
  for (const { table } of tables) {
    // MariaDB's information_schema hides foreign keys from accounts that may only SELECT.
    const shown = await attempt(client, `SHOW CREATE TABLE ${quoteTable(table.schema, table.table)}`);
    if (shown.outcome !== 'rows') continue;
    const child = formatTable(table);
    for (const { constraint, parent, actions } of parseCascades(ddlOf(shown.rows[0]), table.schema)) {
      problems.push({
        code: 'UNSTALE_CASCADE_UNLOGGED',
        severity: 'warning',
        subject: child,
        message:
          `Rows of ${child} change through the foreign key ${constraint} when ${parent} changes (${actions}), ` +
          'and this server does not log such changes: keys of these rows stay stale. ' +
          `Change the rows of ${child} in the application, or map ${parent} too.`,
      });
    }
  }
  return problems;
}

/** MySQL logs them since 9.6, where foreign keys moved out of InnoDB, unless they were moved back. */
async function logsCascades(client: SqlClient, server: ServerFacts): Promise<boolean> {
  if (server.flavour === 'mariadb' || !isAtLeast(server.version, 9, 6)) return false;
  const variables = await readGlobalVariables(client, ['innodb_native_foreign_keys']);
  return (variables.get('innodb_native_foreign_keys') ?? 'OFF') === 'OFF';
}

const NAME = '`((?:[^`]|``)*)`';
const FOREIGN_KEY = new RegExp(
  `^\\s*CONSTRAINT ${NAME} FOREIGN KEY \\(.*?\\) REFERENCES (?:${NAME}\\.)?${NAME} \\(.*?\\)(.*)$`,
  'gm',
);
const ACTION = /ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)/g;

/** The cascading foreign keys of a table, from what SHOW CREATE TABLE gives for it. */
export function parseCascades(ddl: string, schema: string): readonly Cascade[] {
  return [...ddl.matchAll(FOREIGN_KEY)].flatMap(([, constraint, parentSchema, parentTable, rest]) => {
    const actions = (rest ?? '').match(ACTION) ?? [];
    if (actions.length === 0) return [];
    const parent = formatTable({
      schema: unescape(parentSchema ?? schema),
      table: unescape(parentTable ?? ''),
    });
    return [{ constraint: unescape(constraint ?? ''), parent, actions: actions.join(', ') }];
  });
}

function unescape(identifier: string): string {
  return identifier.replaceAll('``', '`');
}

function ddlOf(row: Readonly<Record<string, unknown>> | undefined): string {
  const value = row?.['Create Table'];
  return typeof value === 'string' ? value : '';
}
