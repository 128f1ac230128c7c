import type { Filter } from '../../change/filter.ts';
import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import { attempt } from './attempt.ts';
import { isTable, readColumns, readTables } from './catalog.ts';
import type { CatalogTable } from './catalog.ts';
import {
  columnNamed,
  isComparable,
  isOldTemporal,
  keyColumnCaveat,
  keyColumnRefusal,
  valueColumnRefusal,
  versionColumnCaveat,
  versionColumnRefusal,
} from './column-type.ts';
import type { ColumnFacts, ColumnFormat } from './column-type.ts';
import { quoteName, quoteTable } from './problem.ts';
import type { PreflightProblem } from './problem.ts';
import type { Account } from './privileges.ts';
import { checkRowImage } from './row-image.ts';
import { readGlobalVariables } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';

/** A column of the tables that a rule selects, as a key template names it. */
export interface KeyColumn {
  readonly selects: (schema: string, table: string) => boolean;
  readonly column: string;
  readonly filters: readonly Filter[];
}

/** A column that a rule's condition compares, with constants (`value`) or an old row's with a new one's (`change`). */
export interface ConditionColumn {
  readonly selects: (schema: string, table: string) => boolean;
  readonly column: string;
  readonly compares: 'value' | 'change';
}

/** A column whose value is stored, in this format, or orders the values. */
export interface ValueColumn {
  readonly selects: (schema: string, table: string) => boolean;
  readonly column: string;
  readonly use: ColumnFormat | 'version';
}

/** The known name that a mistyped one most likely meant. */
export type NearestName = (name: string, known: readonly string[]) => string | undefined;

export interface TableCheckOptions {
  readonly client: SqlClient;
  readonly server: ServerFacts;
  /** The tables that rules name. */
  readonly interests: readonly TableInterest[];
  /** Undefined: every column stands in keys as it is. */
  readonly keyColumns: readonly KeyColumn[] | undefined;
  readonly conditionColumns: readonly ConditionColumn[];
  readonly valueColumns: readonly ValueColumn[];
  readonly account: Account;
  /** The server's binlog_row_image. */
  readonly rowImage: string;
  readonly nearestName: NearestName;
}

/** Tables that rules name and that exist, and what is wrong with them, with the others and with the columns. */
export async function checkTables(options: TableCheckOptions): Promise<{
  readonly problems: readonly PreflightProblem[];
  readonly existing: readonly TableInterest[];
}> {
  const { client, interests } = options;
  const known = await readTables(client, [...new Set(interests.map(({ table }) => table.schema))]);
  const lowerCase = (await readGlobalVariables(client, ['lower_case_table_names'])).get(
    'lower_case_table_names',
  );
  const foldsCase = lowerCase !== undefined && lowerCase !== '0';
  const problems: PreflightProblem[] = [];
  const existing: TableInterest[] = [];
  for (const interest of interests) {
    const { schema, table } = interest.table;
    const found = known.find((entry) => entry.schema === schema && entry.table === table);
    if (found === undefined) {
      problems.push(await explainMissing(options, interest, known, foldsCase));
    } else if (isTable(found.type)) {
      existing.push(interest);
      problems.push(...(await checkColumns(options, interest)));
    } else {
      problems.push({
        code: 'UNSTALE_TABLE_MISSING',
        severity: 'error',
        subject: formatTable(interest.table),
        message: `${formatTable(interest.table)} is no table but a ${found.type.toLowerCase()}, whose changes are not in the binlog. Write rules for the tables behind it.`,
      });
    }
  }
  return { problems, existing };
}

async function explainMissing(
  { client, account, nearestName }: TableCheckOptions,
  { table: ref }: TableInterest,
  known: readonly CatalogTable[],
  foldsCase: boolean,
): Promise<PreflightProblem> {
  const name = formatTable(ref);
  const problem = { code: 'UNSTALE_TABLE_MISSING', severity: 'error', subject: name } as const;
  const otherCase = known.find((entry) => formatTable(entry).toLowerCase() === name.toLowerCase());
  if (foldsCase && otherCase !== undefined) {
    return {
      ...problem,
      message: `The server spells ${name} as ${formatTable(otherCase)}, and so does its binlog. Write it so in the rule.`,
    };
  }
  const seen = await attempt(client, `SELECT 1 FROM ${quoteTable(ref.schema, ref.table)} LIMIT 0`);
  const nearest = nearestName(
    ref.table,
    known.filter(({ schema }) => schema === ref.schema).map(({ table }) => table),
  );
  const hint = nearest === undefined ? '' : ` There is ${ref.schema}.${nearest}.`;
  if (seen.outcome !== 'denied') return { ...problem, message: `${name} does not exist.${hint}` };
  return {
    ...problem,
    message: `${name} does not exist, or the account may not see it.${hint}`,
    fix: grantSelect(ref.schema, ref.table, account),
  };
}

/** What is wrong with the columns that rules need of an existing table. */
export async function checkColumns(
  options: TableCheckOptions,
  interest: TableInterest,
): Promise<readonly PreflightProblem[]> {
  const { client } = options;
  const { schema, table } = interest.table;
  const columns = await readColumns(client, schema, table);
  const problems: PreflightProblem[] = [];
  for (const name of interest.columns) {
    const column = columnNamed(columns, name);
    if (column === undefined) problems.push(await explainMissingColumn(options, interest, name, columns));
    else {
      const uses = usesOf(options, interest, name);
      problems.push(
        ...(uses.length > 0
          ? checkKeyColumn(interest, column, uses)
          : checkConditionColumn(options, interest, column)),
        ...checkValueColumn(options, interest, column),
      );
    }
  }
  problems.push(...checkRowImage(interest, columns, options));
  const refused = new Set(problems.map(({ subject }) => subject));
  const unreadable = checkWholeRow(interest, columns).filter(({ subject }) => !refused.has(subject));
  return [...problems, ...unreadable];
}

async function explainMissingColumn(
  { client, account, nearestName }: TableCheckOptions,
  { table: ref }: TableInterest,
  name: string,
  columns: readonly ColumnFacts[],
): Promise<PreflightProblem> {
  const subject = `${formatTable(ref)}.${name}`;
  const problem = { code: 'UNSTALE_COLUMN_MISSING', severity: 'error', subject } as const;
  // A privilege on some columns hides the others.
  const seen = await attempt(
    client,
    `SELECT ${quoteName(name)} FROM ${quoteTable(ref.schema, ref.table)} LIMIT 0`,
  );
  if (seen.outcome === 'denied') {
    return {
      ...problem,
      message: `${subject} does not exist, or the account may not see it.`,
      fix: grantSelect(ref.schema, ref.table, account),
    };
  }
  const nearest = nearestName(
    name,
    columns.map((column) => column.name),
  );
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return { ...problem, message: `${formatTable(ref)} has no column ${name}.${hint}` };
}

/** The filters behind a column wherever a template names it. */
function usesOf(
  { keyColumns }: TableCheckOptions,
  { table }: TableInterest,
  column: string,
): readonly (readonly Filter[])[] {
  if (keyColumns === undefined) return [[]];
  return keyColumns
    .filter((use) => use.column === column && use.selects(table.schema, table.table))
    .map(({ filters }) => filters);
}

function checkKeyColumn(
  { table }: TableInterest,
  column: ColumnFacts,
  uses: readonly (readonly Filter[])[],
): readonly PreflightProblem[] {
  const subject = `${formatTable(table)}.${column.name}`;
  const firstOf = <T>(judge: (filters: readonly Filter[]) => T | undefined): T | undefined =>
    uses.map(judge).find((judgement) => judgement !== undefined);
  const refusal = firstOf((filters) => keyColumnRefusal(column, filters));
  if (refusal !== undefined) {
    const message = `${subject} is ${column.columnType.toUpperCase()} and cannot stand in a key: ${refusal}.`;
    return [{ code: 'UNSTALE_COLUMN_TYPE', severity: 'error', subject, message }];
  }
  const caveat = firstOf((filters) => keyColumnCaveat(column, filters));
  const skipsNull =
    (firstOf((filters) => filters.every(({ kind }) => kind !== 'default') || undefined) ?? false) &&
    column.nullable;
  return [
    ...(caveat === undefined
      ? []
      : [
          {
            code: 'UNSTALE_COLUMN_TYPE',
            severity: 'warning',
            subject,
            message: `${subject} is ${column.columnType.toUpperCase()}: ${caveat}. The application has to write the same.`,
          } as const,
        ]),
    ...(skipsNull
      ? [
          {
            code: 'UNSTALE_COLUMN_NULLABLE',
            severity: 'warning',
            subject,
            message: `${subject} may be NULL; such a row has no key, and nothing is deleted for it.`,
          } as const,
        ]
      : []),
  ];
}

/** A condition that cannot be judged holds, so that such a rule deletes more than it says. */
function checkConditionColumn(
  { conditionColumns }: TableCheckOptions,
  { table }: TableInterest,
  column: ColumnFacts,
): readonly PreflightProblem[] {
  const unknown = conditionColumns.some(
    (use) =>
      use.column.toLowerCase() === column.name.toLowerCase() &&
      use.selects(table.schema, table.table) &&
      !isComparable(column, use.compares),
  );
  if (!unknown) return [];
  const subject = `${formatTable(table)}.${column.name}`;
  const message = `${subject} is ${column.columnType.toUpperCase()}, whose values cannot be compared: a condition on it holds for every change.`;
  return [{ code: 'UNSTALE_COLUMN_TYPE', severity: 'warning', subject, message }];
}

/** A value that cannot be told is never stored, so that such a rule would only delete. */
function checkValueColumn(
  { valueColumns }: TableCheckOptions,
  { table }: TableInterest,
  column: ColumnFacts,
): readonly PreflightProblem[] {
  const subject = `${formatTable(table)}.${column.name}`;
  const problem = { code: 'UNSTALE_COLUMN_TYPE', subject } as const;
  const named = `${subject} is ${column.columnType.toUpperCase()}`;
  return valueColumns
    .filter(({ column: name }) => name.toLowerCase() === column.name.toLowerCase())
    .filter(({ selects }) => selects(table.schema, table.table))
    .flatMap(({ use }): PreflightProblem[] => {
      const refusal = use === 'version' ? versionColumnRefusal(column) : valueColumnRefusal(column, use);
      if (refusal !== undefined) {
        const purpose = use === 'version' ? 'cannot order the values' : 'cannot stand in a value';
        return [{ ...problem, severity: 'error', message: `${named} and ${purpose}: ${refusal}.` }];
      }
      const caveat = use === 'version' ? versionColumnCaveat(column) : undefined;
      return caveat === undefined
        ? []
        : [{ ...problem, severity: 'warning', message: `${named}: ${caveat}.` }];
    });
}

/** Columns that spoil the reading of a row even where no rule uses them: their length cannot be known. */
function checkWholeRow(
  { table }: TableInterest,
  columns: readonly ColumnFacts[],
): readonly PreflightProblem[] {
  const old = columns.filter(isOldTemporal);
  if (old.length === 0) return [];
  const name = formatTable(table);
  return [
    {
      code: 'UNSTALE_COLUMN_TYPE',
      severity: 'error',
      subject: name,
      message: `${name} has columns in the format of MariaDB 5.3 (${old.map((column) => column.name).join(', ')}). Rebuild the table while mysql56_temporal_format is ON.`,
      fix: `ALTER TABLE ${quoteTable(table.schema, table.table)} FORCE`,
    },
  ];
}

function grantSelect(schema: string, table: string, account: Account): string {
  return `GRANT SELECT ON ${quoteTable(schema, table)} TO ${account.name}`;
}
