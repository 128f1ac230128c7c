import type { CacheCommand } from '../change/command.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { formatTable } from '../change/table.ts';
import type { TableInterest } from '../change/table.ts';
import type { Config } from '../config/config.ts';
import { openLookupClient, openReadOnlyClient } from '../connections.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { MysqlLookups } from '../lookup/mysql-lookups.ts';
import type { LookupResult } from '../lookup/mysql-lookups.ts';
import { explainRow } from '../mapping/explain-row.ts';
import type { RowExplanation } from '../mapping/explain-row.ts';
import { compilePlan } from '../mapping/plan.ts';
import type { MappingOutput } from '../mapping/plan.ts';
import type { TableRule } from '../mapping/rule.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { interestIn } from './rows.ts';
import { columnsOf, readRows } from './source.ts';
import type { SourceRow } from './source.ts';

export interface WhereQuestion {
  /** `schema.table`. */
  readonly table: string;
  /** A condition of SQL. */
  readonly where: string;
  readonly limit: number;
  /** Of the statement that reads the rows, in ms. */
  readonly timeout: number;
}

/** What a rule's query gave for a row. */
export interface LookupAnswer {
  readonly rule: TableRule;
  /** Column to value, as they went into the query. */
  readonly parameters: Readonly<Record<string, ColumnValue>>;
  /** `unknown`: nothing is asked, because a parameter has no exact value. */
  readonly result: LookupResult | 'unknown';
  readonly commands: readonly CacheCommand[];
  /** Why it failed. */
  readonly error?: UnstaleError;
}

export interface ExplainedRow {
  readonly row: SourceRow;
  readonly rules: readonly RowExplanation[];
  readonly lookups: readonly LookupAnswer[];
}

export interface ExplainedRows {
  readonly table: string;
  readonly rows: readonly ExplainedRow[];
  /** More rows satisfy the condition. */
  readonly more: boolean;
}

/**
 * Reads rows from the source and says what inserting, updating and deleting each would remove; lookups are run. Changes nothing.
 * @throws UnstaleError UNSTALE_USAGE for a table without rules or a condition that the server refuses, with its message; of the
 * client where the server cannot be asked
 */
export async function explainWhere(config: Config, question: WhereQuestion): Promise<ExplainedRows> {
  const interest = interestIn(config, question.table);
  const client = openReadOnlyClient(config, question.timeout);
  const lookups = openLookupClient(config);
  try {
    const columns = await columnsOf(client, interest);
    const { where, limit, timeout } = question;
    const { rows, more } = await readRows(client, { interest, columns, where, limit, timeout }).catch(
      (error: unknown) => {
        throw blame(error, timeout);
      },
    );
    const explained: ExplainedRow[] = [];
    for (const row of rows) explained.push(await explainSourceRow(config, interest, row, lookups));
    return { table: formatTable(interest.table), rows: explained, more };
  } finally {
    await Promise.all([client.close(), lookups.close()]);
  }
}

const TIMEOUTS = /maximum statement execution time exceeded|max_statement_time exceeded/i;

/** The condition is the only part of the statement that the user wrote. */
function blame(thrown: unknown, timeout: number): UnstaleError {
  const error = asUnstaleError(thrown);
  if (TIMEOUTS.test(error.message)) {
    const message = `--where: the source did not answer within ${timeout} ms; use an indexed column, or --timeout`;
    return new UnstaleError(error.code, message, { cause: error });
  }
  if (error.code !== 'UNSTALE_MYSQL_QUERY_FAILED') return error;
  return new UnstaleError('UNSTALE_USAGE', `the server refuses --where: ${error.message}`, { cause: error });
}

async function explainSourceRow(
  config: Config,
  interest: TableInterest,
  row: SourceRow,
  client: SqlClient,
): Promise<ExplainedRow> {
  const rules = explainRow(config.plan, interest, row.image);
  const asking = new Set<TableRule>();
  for (const { rule, outcomes } of rules) {
    const asks = outcomes.some(({ reasons }) => reasons.some(({ kind }) => kind === 'lookup'));
    if (asks && rule.kind === 'table') asking.add(rule);
  }
  const lookups: LookupAnswer[] = [];
  for (const rule of asking) lookups.push(await ask(interest, row, rule, client));
  return { row, rules, lookups };
}

/** As the daemon would for a rule without condition, but without waiting before it tries again. */
async function ask(
  { table, columns }: TableInterest,
  { image }: SourceRow,
  rule: TableRule,
  client: SqlClient,
): Promise<LookupAnswer> {
  const valueOf = (name: string): ColumnValue => image[columns.indexOf(name)];
  const names = rule.lookup?.parameters ?? [];
  const head = { rule, parameters: Object.fromEntries(names.map((name) => [name, valueOf(name)])) };
  const plan = compilePlan([{ ...rule, on: new Set(['insert']), condition: {} }]);
  const interest = plan.interests.of(table.schema, table.table);
  const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
  if (interest !== undefined) {
    plan.map({ op: 'insert', table: interest.table, after: interest.columns.map(valueOf) }, out);
  }
  if (out.lookups.length === 0) return { ...head, result: 'unknown', commands: out.commands };
  let result: LookupResult = 'ok';
  let failure: unknown;
  const runner = new MysqlLookups({
    client,
    lookups: plan.lookups,
    retryDelay: () => Promise.resolve(),
    now: () => performance.now(),
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields) => {
        if ('err' in fields) failure = fields.err;
      },
    },
    onResult: (one) => {
      result = one;
    },
  });
  const commands: CacheCommand[] = [];
  for await (const part of runner.resolve(out.lookups, new AbortController().signal)) {
    commands.push(...part);
  }
  return { ...head, result, commands, ...(failure === undefined ? {} : { error: asUnstaleError(failure) }) };
}
