import type { ScopeReason } from '../../change/source-event.ts';
import type { TableInterests, TableReach } from '../../change/table.ts';
import { ALL_TABLES, boundedReaches, MAX_REACHES } from '../table-reaches.ts';
import { StatementCursor } from './cursor.ts';
import { reachOf } from './reach.ts';
import type { Reach } from './reach.ts';
import { Tokens, USUAL_READING } from './tokens.ts';
import type { Reading } from './tokens.ts';

export interface StatementEffect {
  readonly tables: readonly TableReach[];
  readonly reason: ScopeReason;
}

/** Which tables rules may select; names compare without case, as lower_case_table_names may have it. */
type Selection = Pick<TableInterests, 'mayReach'>;

/**
 * What a statement without row events may have changed that rules may select; undefined if nothing. It errs on the
 * side of more: a text that can be read in several ways counts in all of them; DML, and what is not understood,
 * reaches the default schema and whatever it names, as a table and as a schema, or all tables if no schema is known.
 *
 * @param schema the default schema of the session, may be empty
 */
export function statementEffect(
  text: string,
  schema: string,
  selection: Selection,
): StatementEffect | undefined {
  const reached: TableReach[] = [];
  let reason: ScopeReason | undefined;
  for (const { reach, reading } of readings(text)) {
    if (reach.kind === 'none') continue;
    const tables = resolve(reach, text, reading, schema, selection);
    if (tables.length > 0) reason ??= reach.reason;
    reached.push(...tables);
  }
  if (reason === undefined) return undefined;
  return { tables: boundedReaches(reached), reason };
}

/** What bytes become that are not UTF-8. */
const UNREADABLE = '\ufffd';

interface ReadReach {
  readonly reach: Reach;
  readonly reading: Reading;
}

/** The statement in every way in which it can be read, most often one. */
function readings(text: string): readonly ReadReach[] {
  // Not UTF-8: a byte of a character may have passed for a quote.
  if (text.includes(UNREADABLE))
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
  reach: Exclude<Reach, { kind: 'none' }>,
  text: string,
  reading: Reading,
  schema: string,
  selection: Selection,
): readonly TableReach[] {
  const isSelected = (reached: TableReach): boolean => selection.mayReach(reached);
  switch (reach.kind) {
    case 'schema':
      return [{ schema: reach.schema }].filter(isSelected);
    case 'tables':
      return boundedReaches(
        reach.tables
          .map(({ schema: named = schema, table }) => (named === '' ? { table } : { schema: named, table }))
          .filter(isSelected),
      );
    case 'wide':
      return resolveWide(text, reading, schema, isSelected);
  }
}

function resolveWide(
  text: string,
  reading: Reading,
  schema: string,
  isSelected: (reach: TableReach) => boolean,
): readonly TableReach[] {
  const schemas = new Map<string, TableReach>();
  const tables = new Map<string, TableReach>();
  const look = (name: string): void => {
    const folded = name.toLowerCase();
    if (!schemas.has(folded) && isSelected({ schema: name })) schemas.set(folded, { schema: name });
    if (!tables.has(folded) && isSelected({ table: name })) tables.set(folded, { table: name });
  };
  if (schema !== '' && isSelected({ schema })) schemas.set(schema.toLowerCase(), { schema });
  for (const name of namesIn(text, reading)) {
    look(name);
    if (schemas.size + tables.size > MAX_REACHES) return ALL_TABLES;
  }
  if (schema === '' && schemas.size === 0) return ALL_TABLES.filter(isSelected);
  return [...schemas.values(), ...tables.values()];
}

/** What may be a name in a text, outside of comments and strings. */
function* namesIn(text: string, reading: Reading): Generator<string> {
  if (text.includes(UNREADABLE)) {
    // Where strings begin and end cannot be told. Quotes are not part of a name, unless they are of both kinds.
    for (const [run] of text.matchAll(/[\w$\u0080-\uffff]+/g)) yield run;
    yield* text.split(/[`"]/);
    return;
  }
  const tokens = new Tokens(text, reading);
  for (let token = tokens.next(); token !== undefined; token = tokens.next()) {
    if (token.kind === 'symbol' || token.kind === 'string') continue;
    // A name without quotes is no number.
    if (token.kind === 'word' && !/\D/.test(token.text)) continue;
    yield token.kind === 'double' ? token.text.replaceAll('""', '"') : token.text;
  }
}
