import { existingTables } from '../binlog/existing-tables.ts';
import { readColumns } from '../binlog/preflight/catalog.ts';
import { columnNamed } from '../binlog/preflight/column-type.ts';
import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { quoteName, quoteTable } from '../binlog/preflight/problem.ts';
import { toColumnValue } from '../change/row-change.ts';
import type { ColumnValue, RowImage } from '../change/row-change.ts';
import { formatTable } from '../change/table.ts';
import type { TableInterest } from '../change/table.ts';
import type { Config } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient, SqlRow } from '../pipeline/ports.ts';

/** A row of a table now, as far as rules need it. */
export interface SourceRow {
  /** The values of the interest's columns, as the binlog would give them. */
  readonly image: RowImage;
  /** The same and the primary key, for people; bytes as `X'…'`. */
  readonly shown: Readonly<Record<string, string | number | null>>;
}

export interface ReadRows {
  readonly rows: readonly SourceRow[];
  /** There are more than were asked for. */
  readonly more: boolean;
}

export interface RowQuestion {
  readonly interest: TableInterest;
  readonly columns: readonly ColumnFacts[];
  /** A condition of SQL. */
  readonly where: string;
  readonly limit: number;
  /** In ms. */
  readonly timeout: number;
}

/** Types whose values in the binlog are not those of a SELECT, or are not compared. */
const UNREADABLE: ReadonlySet<string> = new Set(['float', 'json', 'geometry', 'vector']);

/** The tables that rules are on and that may exist: those that are named, and those that patterns select now. */
export function tablesOf(config: Config, client: SqlClient): Promise<readonly TableInterest[]> {
  return existingTables(
    client,
    config.plan.interests,
    config.state.sameServer ? config.state.database : undefined,
  );
}

/**
 * The columns of a table.
 * @throws UnstaleError UNSTALE_TABLE_MISSING, or UNSTALE_COLUMN_MISSING if it lacks one that rules need
 */
export async function columnsOf(client: SqlClient, interest: TableInterest): Promise<readonly ColumnFacts[]> {
  const { schema, table } = interest.table;
  const columns = await readColumns(client, schema, table);
  if (columns.length === 0) {
    const name = formatTable(interest.table);
    throw new UnstaleError('UNSTALE_TABLE_MISSING', `${name} does not exist, or the account may not see it.`);
  }
  const missing = interest.columns.find((name) => columnNamed(columns, name) === undefined);
  if (missing === undefined) return columns;
  throw new UnstaleError(
    'UNSTALE_COLUMN_MISSING',
    `${formatTable(interest.table)} has no column ${missing}.`,
  );
}

/** The statement that reads the rows, without what limits it. */
export function selectOf({
  interest,
  columns,
  where,
}: Pick<RowQuestion, 'interest' | 'columns' | 'where'>): string {
  const { schema, table } = interest.table;
  const names = shownColumns(interest, columns).map(quoteName).join(', ');
  return `SELECT ${names === '' ? '1' : names} FROM ${quoteTable(schema, table)} WHERE ${where}`;
}

/**
 * Rows of a table that satisfy a condition, in no order.
 * @throws UnstaleError of the client; statements that write are refused by it
 */
export async function readRows(client: SqlClient, question: RowQuestion): Promise<ReadRows> {
  const { interest, columns, where, limit, timeout } = question;
  // A line break ends a comment at the condition's end. Each server reads its own time limit.
  const select = selectOf({ interest, columns, where: `(\n${where}\n)` }).replace(
    /^SELECT/,
    `SELECT /*+ MAX_EXECUTION_TIME(${timeout}) */`,
  );
  const rows = await client.query(
    `/*M! SET STATEMENT max_statement_time=${timeout / 1000} FOR */ ${select} LIMIT ${limit + 1}`,
  );
  return {
    rows: rows.slice(0, limit).map((row) => toSourceRow(row, interest, columns)),
    more: rows.length > limit,
  };
}

function shownColumns({ columns }: TableInterest, facts: readonly ColumnFacts[]): string[] {
  const key = facts.filter(({ inPrimaryKey }) => inPrimaryKey).map(({ name }) => name);
  const names = new Map([...key, ...columns].map((name) => [name.toLowerCase(), name]));
  return [...names.values()];
}

function toSourceRow(row: SqlRow, interest: TableInterest, columns: readonly ColumnFacts[]): SourceRow {
  // The server names columns as the table does, which may differ in case from the rules.
  const values = new Map(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));
  const valueOf = (name: string): unknown => values.get(name.toLowerCase());
  return {
    image: interest.columns.map((name) =>
      UNREADABLE.has(columnNamed(columns, name)?.dataType ?? '') ? undefined : toColumnValue(valueOf(name)),
    ),
    shown: Object.fromEntries(
      shownColumns(interest, columns).map((name) => [name, shownValue(toColumnValue(valueOf(name)))]),
    ),
  };
}

/** A value for people; bytes as `X'…'`. */
export function shownValue(value: ColumnValue): string | number | null {
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex').toUpperCase()}'`;
  return value === undefined ? '?' : value;
}
