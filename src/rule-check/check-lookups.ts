import { columnNamed } from '../binlog/preflight/column-type.ts';
import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { readAccount } from '../binlog/preflight/privileges.ts';
import type { Account } from '../binlog/preflight/privileges.ts';
import { quoteName, quoteTable } from '../binlog/preflight/problem.ts';
import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import { lookupStatement } from '../lookup/lookup-statement.ts';
import type { Lookup, MappingPlan } from '../mapping/plan.ts';
import type { RuleLookup, TableRule } from '../mapping/rule.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import type { KnownTable } from './check-conditions.ts';
import { fullScans } from './query-plan.ts';

export interface LookupCheckOptions {
  readonly plan: MappingPlan;
  /** Of the server that runs the queries. */
  readonly client: SqlClient;
  /** Of the server that has the rows. */
  readonly source: SqlClient;
  /** A table that the rule is on and that exists. */
  readonly tableOf: (rule: TableRule) => KnownTable | undefined;
}

type Parameter = string | number | Uint8Array;

/** Asks the server for the plan of each rule's query, with the values of a row if there is one. Never rejects. */
export async function checkLookups(options: LookupCheckOptions): Promise<PreflightProblem[]> {
  const { plan, client } = options;
  const problems: PreflightProblem[] = [];
  let account: Account | undefined;
  for (const rule of plan.rules) {
    if (rule.kind !== 'table' || rule.lookup === undefined) continue;
    const lookup = plan.lookups.find((one) => one.rule === rule.id);
    if (lookup === undefined) continue;
    try {
      account ??= await readAccount(client);
      problems.push(...(await checkLookup(options, rule, rule.lookup, lookup, account)));
    } catch (thrown) {
      // The others would not be answered either.
      return [...problems, unanswered(asUnstaleError(thrown))];
    }
  }
  return problems;
}

function unanswered(error: UnstaleError): PreflightProblem {
  const message = `The server of the lookups cannot be asked: ${error.message}`;
  return { code: error.code, severity: 'error', subject: 'lookups', message };
}

async function checkLookup(
  options: LookupCheckOptions,
  rule: TableRule,
  { parameters: names, sql }: RuleLookup,
  lookup: Lookup,
  account: Account,
): Promise<PreflightProblem[]> {
  const { client } = options;
  const table = options.tableOf(rule);
  const parameters = await parametersOf(options.source, table, names);
  const subject = rule.id;
  const statement = lookupStatement(lookup, parameters.length, 'EXPLAIN FORMAT=TRADITIONAL');
  try {
    return fullScans(await client.query(statement, parameters)).map(
      ({ table: scanned, rows }): PreflightProblem => ({
        code: 'UNSTALE_LOOKUP_SLOW',
        severity: 'warning',
        subject,
        message: `The lookup of ${rule.id} reads the whole of ${scanned}, about ${rows} rows, at each change that asks for it. Add an index on the columns that it compares.`,
      }),
    );
  } catch (thrown) {
    const error = asUnstaleError(thrown);
    if (error.policy.directive === 'retry') throw error;
    const reason = error.message;
    if (EXPLAIN_DENIED.test(reason)) {
      const message = `The plan of the lookup of ${rule.id} cannot be seen: it reads a view, which takes SHOW VIEW and the right to read the tables behind it.`;
      return [{ severity: 'info', subject, message }];
    }
    if (error.code === 'UNSTALE_PRIVILEGE_MISSING') {
      const fix = grantFor(reason, sql, account);
      const message = `The account ${account.name} may not run the lookup of ${rule.id}: ${reason}`;
      return [
        { code: error.code, severity: 'error', subject, message, ...(fix === undefined ? {} : { fix }) },
      ];
    }
    const missing = await missingColumns(client, sql, parameters, lookup);
    if (missing.length > 0) {
      return missing.map((message) => ({
        code: 'UNSTALE_LOOKUP_REFUSED',
        severity: 'error',
        subject,
        message,
      }));
    }
    const message = `The server refuses the lookup of ${rule.id}: ${reason}`;
    return [{ code: 'UNSTALE_LOOKUP_REFUSED', severity: 'error', subject, message }];
  }
}

const EXPLAIN_DENIED = /EXPLAIN\/SHOW can not be issued/i;

/** Sentences about the columns that keys need and the result lacks; none if the statement is wrong in another way. */
async function missingColumns(
  client: SqlClient,
  sql: string,
  parameters: readonly Parameter[],
  { rule, columns }: Lookup,
): Promise<string[]> {
  try {
    // One row of NULLs, for the names.
    const [row = {}] = await client.query(
      `SELECT l.* FROM (SELECT 1 AS unstale_one) AS o LEFT JOIN (\n${sql}\n) AS l ON FALSE`,
      parameters,
    );
    const names = Object.keys(row);
    const known = new Set(names.map((name) => name.toLowerCase()));
    return columns
      .filter((column) => !known.has(column.toLowerCase()))
      .map((column) => {
        const near = nearestName(column, names);
        const hint = near === undefined ? `It has ${names.join(', ')}.` : `Did you mean ${near}?`;
        return `The result of the lookup of ${rule} has no column ${column}. ${hint}`;
      });
  } catch {
    return [];
  }
}

/** MySQL names the table without its schema, which the statement then has to tell. */
function grantFor(reason: string, sql: string, { name }: Account): string | undefined {
  const [, first, second] = /table ['`]([^'`]+)['`](?:\.['`]([^'`]+)['`])?/.exec(reason) ?? [];
  if (first === undefined) return undefined;
  const [schema, table] = second === undefined ? [schemaOf(first, sql), first] : [first, second];
  return schema === undefined ? undefined : `GRANT SELECT ON ${quoteTable(schema, table)} TO ${name}`;
}

function schemaOf(table: string, sql: string): string | undefined {
  for (const [, schema, found] of sql.matchAll(/`?([\w$]+)`?\s*\.\s*`?([\w$]+)`?/g)) {
    if (found?.toLowerCase() === table.toLowerCase()) return schema;
  }
  return undefined;
}

/** Those of any row, whose plan is a usual one; without a row made-up values of the columns' types. */
async function parametersOf(
  source: SqlClient,
  known: KnownTable | undefined,
  names: readonly string[],
): Promise<readonly Parameter[]> {
  const facts = names.map((name) => columnNamed(known?.columns ?? [], name));
  if (known === undefined || facts.includes(undefined)) return names.map(() => 1);
  const columns = names.map((name, index) => `${quoteName(name)} AS p${index}`);
  const { schema, table } = known.table;
  const sample = await source
    .query(
      `SELECT ${columns.join(', ')} FROM ${quoteTable(schema, table)} WHERE ${names.map((name) => `${quoteName(name)} IS NOT NULL`).join(' AND ')} LIMIT 1`,
    )
    .catch(() => []);
  // By place: the server names columns as the table does, which may differ in case.
  const values = Object.values(sample[0] ?? {});
  return names.map((_, index) => {
    const value = values[index];
    if (typeof value === 'string' || typeof value === 'number' || value instanceof Uint8Array) return value;
    return madeUp(facts[index]);
  });
}

function madeUp(column: ColumnFacts | undefined): Parameter {
  switch (column?.dataType) {
    case 'date':
    case 'datetime':
    case 'timestamp':
      return '2026-01-01';
    case 'time':
      return '12:00:00';
    case 'binary':
    case 'varbinary':
    case 'blob':
      return Buffer.from('unstale');
    case 'char':
    case 'varchar':
    case 'text':
    case 'enum':
    case 'set':
      return 'unstale';
    default:
      return 1;
  }
}
