import type { ScopeReason } from '../../change/source-event.ts';
import type { TableRef } from '../../change/table.ts';
import { StatementCursor } from './cursor.ts';
import { reachOf } from './reach.ts';
import type { Reach } from './reach.ts';
import { Tokens, USUAL_READING } from './tokens.ts';
import type { Reading } from './tokens.ts';

export interface StatementEffect {
  readonly tables: readonly TableRef[];
  readonly reason: ScopeReason;
}

/**
 * Which mapped tables a statement without row events may have changed; undefined if none. It errs on the side of
 * more: names compare without case, as lower_case_table_names may have it; a text that can be read in several ways
 * counts in all of them; DML, and what is not understood, reaches every mapped table of the default schema and
 * of the schemas that it names, or all mapped tables if neither is known.
 *
 * @param schema the default schema of the session, may be empty
 */
export function statementEffect(
  text: string,
  schema: string,
  mapped: readonly TableRef[],
): StatementEffect | undefined {
  const reached = new Set<TableRef>();
  let reason: ScopeReason | undefined;
  for (const { reach, reading } of readings(text)) {
    const tables = resolve(reach, text, reading, schema, mapped);
    if (reach.kind !== 'none' && tables.length > 0) reason ??= reach.reason;
    for (const table of tables) reached.add(table);
  }
  if (reason === undefined) return undefined;
  return { tables: mapped.filter((table) => reached.has(table)), reason };
}

interface ReadReach {
  readonly reach: Reach;
  readonly reading: Reading;
}

/** The statement in every way in which it can be read, most often one. */
function readings(text: string): readonly ReadReach[] {
  // Not UTF-8: a byte of a character may have passed for a quote.
  if (text.includes('\ufffd'))
    return [{ reach: { kind: 'wide', reason: 'statement' }, reading: USUAL_READING }];
  const read = (reading: Reading): ReadReach & { readonly tokens: Tokens } => {
    const tokens = new Tokens(text, reading);
    return { reach: reachOf(new StatementCursor(tokens)), reading, tokens };
  };
  const usual = read(USUAL_READING);
  const { conditional, escapes } = usual.tokens.ambiguous;
  const others: Reading[] = [];
  if (conditional) others.push({ conditional: false, escapes: true });
  if (escapes) others.push({ conditional: true, escapes: false });
  if (conditional && escapes) others.push({ conditional: false, escapes: false });
  return [usual, ...others.map(read)];
}

function resolve(
  reach: Reach,
  text: string,
  reading: Reading,
  schema: string,
  mapped: readonly TableRef[],
): readonly TableRef[] {
  switch (reach.kind) {
    case 'none':
      return [];
    case 'schema':
      return mapped.filter((table) => isSame(table.schema, reach.schema));
    case 'tables':
      return mapped.filter((table) =>
        reach.tables.some((named) => {
          const namedSchema = named.schema ?? schema;
          return (
            isSame(table.table, named.table) && (namedSchema === '' || isSame(table.schema, namedSchema))
          );
        }),
      );
    case 'wide': {
      const names = namesIn(text, reading, mapped);
      const within = mapped.filter((table) => names.has(fold(table.schema)) || isSame(table.schema, schema));
      if (schema === '' && within.length === 0) return mapped;
      return mapped.filter((table) => within.includes(table) || names.has(fold(table.table)));
    }
  }
}

/** Which names of mapped tables and their schemas a text holds, outside of comments and strings. */
function namesIn(text: string, reading: Reading, mapped: readonly TableRef[]): ReadonlySet<string> {
  const wanted = new Set(mapped.flatMap((table) => [fold(table.schema), fold(table.table)]));
  if (text.includes('\ufffd')) {
    const folded = fold(text);
    return new Set([...wanted].filter((name) => folded.includes(name)));
  }
  const found = new Set<string>();
  const tokens = new Tokens(text, reading);
  for (let token = tokens.next(); token !== undefined; token = tokens.next()) {
    if (token.kind === 'symbol' || token.kind === 'string') continue;
    const name = fold(token.kind === 'double' ? token.text.replaceAll('""', '"') : token.text);
    if (wanted.has(name)) found.add(name);
  }
  return found;
}

function isSame(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

function fold(name: string): string {
  return name.toLowerCase();
}
