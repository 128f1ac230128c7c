import { columnNamed } from '../binlog/preflight/column-type.ts';
import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { formatTable } from '../change/table.ts';
import type { TableInterest } from '../change/table.ts';
import type { Config } from '../config/config.ts';
import { openReadOnlyClient } from '../connections.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import { explainKey } from '../mapping/explain-key.ts';
import type { KeyOrigin } from '../mapping/explain-key.ts';
import { matchTemplate } from '../mapping/explain-match.ts';
import type { KeyCandidate } from '../mapping/explain-match.ts';
import { explainRow } from '../mapping/explain-row.ts';
import type { RowOutcome } from '../mapping/explain-row.ts';
import { candidateSql, shapeOfType } from '../mapping/explain-sql.ts';
import { compileKey } from '../mapping/key.ts';
import type { TableRule } from '../mapping/rule.ts';
import { compileSelector } from '../mapping/table-selector.ts';
import type { KeyTemplate } from '../mapping/template.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { columnsOf, readRows, selectOf, tablesOf } from './source.ts';
import type { SourceRow } from './source.ts';

export interface KeyQuestion {
  readonly key: string;
  /** Whether to ask the source which rows there are. */
  readonly ask: boolean;
  /** Rows that are listed of a table. */
  readonly limit: number;
  /** Of each statement, in ms. */
  readonly timeout: number;
}

/** A row that gives the key, and what the rule does when it changes. */
export interface FoundRow {
  readonly row: SourceRow;
  readonly outcomes: readonly RowOutcome[];
}

/** One table that a rule is on. */
export interface TableAnswer {
  readonly table: string;
  /** The statement that finds the rows, and by collations perhaps others; undefined if SQL cannot tell them. */
  readonly sql: string | undefined;
  /** The types of its columns exclude the key. */
  readonly excluded: boolean;
  /** Undefined if the table was not read. */
  readonly rows: readonly FoundRow[] | undefined;
  readonly more: boolean;
  /** Why it could not be read. */
  readonly error?: UnstaleError;
}

export interface ExplainedOrigin {
  readonly origin: KeyOrigin;
  /** Of origins from rows; without access to the source only the table that the rule names. */
  readonly tables: readonly TableAnswer[];
}

export interface ExplainedKey {
  readonly key: string;
  readonly origins: readonly ExplainedOrigin[];
  /** Why the source could not be asked; undefined if it was, or was not to be. */
  readonly unreachable?: UnstaleError;
}

/** What is known of the tables, by their interest. */
interface KnownTable {
  readonly interest: TableInterest;
  readonly columns: readonly ColumnFacts[];
}

/** Tables that are asked for one template. */
const MOST_TABLES = 50;
/** Rows that are compared with the key: a collation can make the server find others. */
const MOST_ROWS = 1000;

/** Which rules can touch a key, with which rows, and which of these exist. Reads only. Never rejects for the source. */
export async function explainKeyRows(config: Config, question: KeyQuestion): Promise<ExplainedKey> {
  const { key, ask } = question;
  const origins = explainKey(config.plan, key, config.source.hints);
  const offline = (): ExplainedKey => ({
    key,
    origins: origins.map((origin) => ({ origin, tables: answerOffline(config, origin) })),
  });
  const needsRows = origins.some((origin) => ruleOfRows(origin) !== undefined);
  if (!ask || !needsRows) return offline();
  const client = openReadOnlyClient(config, question.timeout);
  try {
    const interests = await tablesOf(config, client);
    const explained: ExplainedOrigin[] = [];
    for (const origin of origins) {
      explained.push(narrow(origin, await answer(client, config, question, origin, interests)));
    }
    const isRow = ({ origin }: ExplainedOrigin): boolean => origin.kind === 'template';
    return {
      key,
      origins: [...explained.filter(isRow), ...explained.filter((one) => !isRow(one))],
    };
  } catch (error) {
    return { ...offline(), unreachable: asUnstaleError(error) };
  } finally {
    await client.close();
  }
}

/** Columns of integers, for example, leave nothing of `user:{id}` for the key `user:by-email:a`. */
function narrow(origin: KeyOrigin, tables: readonly TableAnswer[]): ExplainedOrigin {
  if (origin.kind !== 'template' || tables.length === 0 || !tables.every(({ excluded }) => excluded)) {
    return { origin, tables };
  }
  const { rule, role, template } = origin;
  return { origin: { kind: 'scope', rule, role, template }, tables: [] };
}

/** The rule and the template by which rows give the key; undefined for origins of other kinds. */
function ruleOfRows(
  origin: KeyOrigin,
): { readonly rule: TableRule; readonly template: KeyTemplate } | undefined {
  return origin.kind === 'template' && origin.rule.lookup === undefined ? origin : undefined;
}

function answerOffline({ plan }: Config, origin: KeyOrigin): TableAnswer[] {
  const found = ruleOfRows(origin);
  if (found === undefined || origin.kind !== 'template' || found.rule.tables.kind !== 'exact') return [];
  const { schema, table } = found.rule.tables.table;
  const interest = plan.interests.of(schema, table);
  if (interest === undefined) return [];
  const where = whereOf(origin.candidates, () => undefined);
  return [answerOf({ interest, columns: [] }, where)];
}

function answerOf(
  { interest, columns }: KnownTable,
  where: string | undefined,
  rest: Partial<TableAnswer> = {},
): TableAnswer {
  const sql = where === undefined ? undefined : selectOf({ interest, columns, where });
  return { table: formatTable(interest.table), sql, excluded: false, rows: undefined, more: false, ...rest };
}

/** Undefined if SQL cannot tell the rows of one of the candidates; empty if the types exclude all. */
function whereOf(
  candidates: readonly KeyCandidate[],
  typeOf: (column: string) => string | undefined,
): string | undefined {
  const conditions: string[] = [];
  for (const candidate of candidates) {
    const sql = candidateSql(candidate, typeOf);
    if (sql === undefined) return undefined;
    if (sql !== false) conditions.push(sql);
  }
  const [only, ...others] = conditions;
  if (only === undefined) return '';
  return others.length === 0 ? only : conditions.map((sql) => `(${sql})`).join(' OR ');
}

async function answer(
  client: SqlClient,
  config: Config,
  question: KeyQuestion,
  origin: KeyOrigin,
  interests: readonly TableInterest[],
): Promise<TableAnswer[]> {
  const found = ruleOfRows(origin);
  if (found === undefined) return [];
  const { matches } = compileSelector(found.rule.tables);
  const answers: TableAnswer[] = [];
  for (const interest of interests) {
    const { schema, table } = interest.table;
    if (answers.length === MOST_TABLES || !matches(schema, table)) continue;
    // Most tables of a pattern are told apart by their names, without asking for their columns.
    if (matchTemplate(found.template, question.key, { names: interest.table }).candidates.length === 0)
      continue;
    try {
      const columns = await columnsOf(client, interest);
      answers.push(await readTable(client, config, question, { ...found, interest, columns }));
    } catch (thrown) {
      const error = asUnstaleError(thrown);
      // Without a server there is no use in asking for the others.
      if (error.policy.directive === 'retry' && answers.length === 0) throw error;
      answers.push(answerOf({ interest, columns: [] }, undefined, { error }));
    }
  }
  return answers;
}

async function readTable(
  client: SqlClient,
  { plan }: Config,
  { key, limit, timeout }: KeyQuestion,
  known: KnownTable & { readonly rule: TableRule; readonly template: KeyTemplate },
): Promise<TableAnswer> {
  const { interest, columns, rule, template } = known;
  const typeOf = (name: string): string | undefined => columnNamed(columns, name)?.dataType;
  const { candidates } = matchTemplate(template, key, {
    names: interest.table,
    shapeOfColumn: (name) => shapeOfType(typeOf(name)),
  });
  const where = whereOf(candidates, typeOf);
  if (where === undefined) return answerOf(known, undefined);
  if (where === '') return answerOf(known, undefined, { excluded: true, rows: [] });
  const { rows, more } = await readRows(client, { interest, columns, where, limit: MOST_ROWS, timeout });
  const keyOf = compileKey(template, interest);
  const exact = rows.filter(({ image }) => keyOf(image) === key);
  const found = exact.slice(0, limit).map((row): FoundRow => {
    const explained = explainRow(plan, interest, row.image).find(
      (one) => one.rule === rule && one.template === template.text,
    );
    return { row, outcomes: explained?.outcomes ?? [] };
  });
  return answerOf(known, where, { rows: found, more: more || exact.length > limit });
}
