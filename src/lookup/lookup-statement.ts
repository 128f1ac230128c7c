import { UnstaleError } from '../errors/unstale-error.ts';
import type { Lookup } from '../mapping/plan.ts';

/** The column that tells which of several questions a row answers. */
export const QUESTION = 'unstale_question';

/** Strings, quoted names and comments; then words, parameters, and what tells how deep one is. */
const TOKENS =
  /'(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^]|"")*"|`(?:[^`]|``)*`|\/\*[^]*?\*\/|(?:--\s|#)[^\n]*|[\w$\u0080-\uffff]+|[?()@]/g;

/** What follows WHERE and is more than a restriction of the rows that the columns in front are made of. */
const MORE_THAN_ROWS = /^(?:union|intersect|except|minus|into|for|lock|procedure|window)$/i;

/**
 * What is sent for a lookup with so many parameters; with the verb `EXPLAIN` the plan of it. The server returns one
 * row more than may be and stops at the timeout.
 * @throws UnstaleError UNSTALE_INTERNAL if a question mark in it is no placeholder
 */
export function lookupStatement(lookup: Lookup, parameters: number, verb = ''): string {
  requirePlaceholders(lookup, parameters);
  return `${timeLimit(lookup)}${verb} SELECT ${timeHint(lookup)} ${namesOf(lookup)} ${bounded(lookup)}`;
}

/**
 * The same lookup asked `count` times at once, each time with so many parameters: rows are told apart by their
 * QUESTION, from 0. Each has one row more than may be, and all together `maxRows` at most. Only for lookups that
 * `isCombinable`.
 * @throws UnstaleError UNSTALE_INTERNAL if a question mark in it is no placeholder
 */
export function combinedStatement(
  lookup: Lookup,
  parameters: number,
  { count, maxRows }: { readonly count: number; readonly maxRows: number },
): string {
  requirePlaceholders(lookup, parameters);
  const names = namesOf(lookup);
  const from = bounded(lookup);
  const questions = Array.from({ length: count }, (_, no) => {
    const hint = no === 0 ? `${timeHint(lookup)} ` : '';
    return `(SELECT ${hint}${no} AS ${QUESTION}, ${names} ${from})`;
  });
  return `${timeLimit(lookup)}${questions.join(' UNION ALL ')} LIMIT ${maxRows}`;
}

/**
 * Whether a UNION of the statement with itself gives the values that it gives alone. A column of a UNION has one type
 * for all its parts, so that 1 becomes 1.0 beside 1.5; parameters in WHERE alone do not say what types there are.
 */
export function isCombinable({ sql, columns }: Pick<Lookup, 'sql' | 'columns'>): boolean {
  if (columns.some((name) => name.toLowerCase() === QUESTION)) return false;
  const tokens = sql.match(TOKENS) ?? [];
  if (tokens[0]?.toLowerCase() !== 'select') return false;
  let depth = 0;
  let inWhere = false;
  for (const token of tokens) {
    // Some comments are run.
    if (token === '@' || /^\/\*M?!/.test(token)) return false;
    if (token === '(') depth += 1;
    else if (token === ')') {
      depth -= 1;
      if (depth < 0) return false;
    } else if (token === '?' && !inWhere) return false;
    else if (depth === 0 && MORE_THAN_ROWS.test(token)) return false;
    else if (depth === 0 && /^where$/i.test(token)) inWhere = true;
  }
  return inWhere && depth === 0;
}

/** Each server reads its own time limit: MariaDB `M!` comments in seconds, MySQL hints in ms. */
function timeLimit({ timeout }: Lookup): string {
  return `/*M! SET STATEMENT max_statement_time=${timeout / 1000} FOR */ `;
}

function timeHint({ timeout }: Lookup): string {
  return `/*+ MAX_EXECUTION_TIME(${timeout}) */`;
}

/**
 * A derived table keeps the limit whatever LIMIT, UNION or WITH the statement has; the line break ends a comment at
 * its end.
 */
function bounded({ sql, maxKeys }: Lookup): string {
  return `FROM (\n${sql}\n) AS unstale_lookup LIMIT ${maxKeys + 1}`;
}

/** Without aliases the server names the columns as they are defined, which may differ in case. */
function namesOf({ columns }: Lookup): string {
  return columns
    .map((column) => `\`${column.replaceAll('`', '``')}\``)
    .map((name) => `${name} AS ${name}`)
    .join(', ');
}

/** The driver takes every question mark for a placeholder, those in strings too, and two for a name. */
function requirePlaceholders({ rule, sql, columns }: Lookup, count: number): void {
  const marks = `${columns.join()} ${sql}`.match(/\?+/g) ?? [];
  if (marks.length === count && marks.every((mark) => mark === '?')) return;
  throw new UnstaleError(
    'UNSTALE_INTERNAL',
    `${rule}: the lookup has question marks that are no placeholders`,
  );
}
