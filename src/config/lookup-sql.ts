import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

export interface LookupSql {
  /** With `?` for each parameter. */
  readonly sql: string;
  /** The columns of the changed row, one for each `?`. */
  readonly parameters: readonly string[];
}

/**
 * Strings, quoted names and comments, in which nothing is a parameter; then parameters, and what they are not. What is
 * not closed goes on to the end, so that nothing is looked at twice.
 */
const PARTS =
  /'(?:[^'\\]|\\[^]|'')*(?:'|(\\?$))|"(?:[^"\\]|\\[^]|"")*(?:"|(\\?$))|`(?:[^`]|``)*(?:`|($))|\/\*[^]*?(?:\*\/|($))|(?:--\s|#)[^\n]*|:=|:(`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)|\?|;/g;

/** Reads `SELECT id FROM shop.products WHERE category_id = :id`: `:column` is a column of the changed row. */
export function parseLookupSql(text: string): Parsed<LookupSql> {
  const parameters: string[] = [];
  let problem: Parsed<LookupSql> | undefined;
  const sql = text.trim().replace(PARTS, (part, ...groups: (string | undefined)[]) => {
    const unclosed = groups.slice(0, 4).some((end) => end !== undefined);
    const name = groups[4];
    if (unclosed) problem ??= refuse('a text or comment that is not closed', 'write its end');
    if (part === '?' || (part.includes('?') && name === undefined)) {
      problem ??= refuse('holds a question mark', 'write :column for a parameter; in a text write CHAR(63)');
    } else if (part === ';') {
      problem ??= refuse('holds more than one statement', 'write one SELECT without a semicolon');
    }
    if (name === undefined) return part;
    parameters.push(name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name);
    return '?';
  });
  if (problem !== undefined) return problem;
  if (!/^(?:select|with|\()/i.test(sql)) {
    return refuse('is no query', 'write for example SELECT id FROM shop.products WHERE category_id = :id');
  }
  return parameters.length === 0
    ? refuse('names no column of the changed row', 'write :column where its value belongs')
    : accept({ sql, parameters });
}
