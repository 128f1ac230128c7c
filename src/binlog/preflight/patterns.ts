import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import { escapeSchema } from './grants.ts';
import type { Account } from './privileges.ts';
import { quoteName } from './problem.ts';
import type { PreflightProblem } from './problem.ts';

/** A rule's pattern of tables, as the rule spells it. */
export interface TablePattern {
  readonly text: string;
  /** Names as the server spells them. */
  readonly matches: (schema: string, table: string) => boolean;
}

/** Tables of one pattern that may have the same problem before it is reported once for all. */
const MAX_ALIKE = 20;
/** Tables that a summary names. */
const NAMED = 3;

/** Patterns that select none of these tables: most often a typing error or a missing privilege. */
export function checkPatterns(
  patterns: readonly TablePattern[],
  existing: readonly TableInterest[],
  account: Account,
): readonly PreflightProblem[] {
  return patterns
    .filter(({ matches }) => !existing.some(({ table }) => matches(table.schema, table.table)))
    .map(({ text }) => ({
      code: 'UNSTALE_TABLE_MISSING',
      severity: 'warning',
      subject: text,
      message:
        `No table matches ${text} now, or the account may not see those that do. Tables that are created later are ` +
        `followed; the account has to be allowed to see them: ${grantFor(text, account)}`,
    }));
}

/** GRANT takes patterns of schemas, where `%` is any text and `_` one character. */
function grantFor(text: string, account: Account): string {
  const schema = text.startsWith('/') ? '' : (text.split('.', 1)[0] ?? '');
  const pattern =
    schema === '' || schema.includes('[')
      ? '%'
      : escapeSchema(schema).replaceAll('*', '%').replaceAll('?', '_');
  return `GRANT SELECT ON ${quoteName(pattern)}.* TO ${account.name}`;
}

/** The problems, where those that many tables of a pattern have in common are reported once. */
export function sumUp(
  problems: readonly PreflightProblem[],
  selected: readonly TableInterest[],
  patterns: readonly TablePattern[],
): readonly PreflightProblem[] {
  const tables = new Map(selected.map(({ table }) => [formatTable(table), table]));
  const groups = new Map<string, { readonly subject: string; readonly alike: PreflightProblem[] }>();
  for (const problem of problems) {
    const table = tables.get(tableOf(problem.subject, tables));
    const pattern =
      table === undefined ? undefined : patterns.find(({ matches }) => matches(table.schema, table.table));
    const subject =
      table === undefined
        ? problem.subject
        : `${pattern?.text ?? '*.*'}${problem.subject.slice(formatTable(table).length)}`;
    const id = JSON.stringify([problem.code, problem.severity, subject]);
    const group = groups.get(id) ?? { subject, alike: [] };
    group.alike.push(problem);
    groups.set(id, group);
  }
  return [...groups.values()].flatMap(({ subject, alike }) => {
    const [first] = alike;
    if (first === undefined || alike.length <= MAX_ALIKE) return alike;
    const { fix, ...rest } = first;
    const names = alike.slice(0, NAMED).map((problem) => tableOf(problem.subject, tables));
    const summary = {
      ...rest,
      subject,
      message: `${alike.length} tables have the same problem (${names.join(', ')}, …). The first: ${first.message}`,
    };
    return fix !== undefined && alike.every((problem) => problem.fix === fix)
      ? [{ ...summary, fix }]
      : [summary];
  });
}

/** The table in a subject `schema.table` or `schema.table.column`; the subject where it is of no such table. */
function tableOf(subject: string, tables: ReadonlyMap<string, unknown>): string {
  for (let end = subject.length; end > 0; end = subject.lastIndexOf('.', end - 1)) {
    const name = subject.slice(0, end);
    if (tables.has(name)) return name;
  }
  return subject;
}
