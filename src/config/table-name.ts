import { compileSelector, globSource } from '../mapping/table-selector.ts';
import type { TableSelector } from '../mapping/table-selector.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

type TableName = Extract<TableSelector, { kind: 'exact' }>['table'];

const NAME = /(?:`(?:[^`]|``)+`|[^`.]+)/.source;
const SCHEMA_AND_TABLE = new RegExp(`^(${NAME})\\.(${NAME})$`);

/** MySQL's limit for the names of schemas and tables. */
const LONGEST_NAME = 64;

/** Of a table or a pattern, as it is written. */
const LONGEST_TEXT = 1000;

const NO_PATTERN = refuse(
  'is no pattern for tables',
  'close every bracket, and escape the dot between schema and table',
);

/** `schema.table`; a name with odd characters stands in backquotes, where a doubled one is a literal one. */
export function parseTableName(text: string): Parsed<TableName> {
  const parsed = parseTableSelector(text);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  return value.kind === 'exact'
    ? accept(value.table)
    : refuse('is a pattern, where one table has to be named', 'write schema.table');
}

/** Like `parseTableName`, and besides globs such as `shop_*.users` and `/regular expressions/` of the whole name. */
export function parseTableSelector(text: string): Parsed<TableSelector> {
  if (text.length > LONGEST_TEXT) return refuse('is too long', `write at most ${LONGEST_TEXT} characters`);
  if (/^\/.*\/$/s.test(text)) return parseExpression(text);
  const [, schema, table] = SCHEMA_AND_TABLE.exec(text) ?? [];
  if (schema === undefined || table === undefined) {
    return refuse(
      'is not a table',
      'write schema.table, with odd names in backquotes: "`my.schema`.`my table`"',
    );
  }
  const bare = [schema, table].filter((name) => !name.startsWith('`'));
  if (bare.some((name) => /[\s/\\]/.test(name))) {
    return refuse(
      'an odd character in the name of the table',
      'put the name in backquotes: "shop.`my table`"',
    );
  }
  if (bare.some((name) => /[*?[\]]/.test(name))) {
    if (bare.some((name) => /[[\]]/.test(name.replaceAll(/\[!?[^\]]+\]/g, '')))) return NO_PATTERN;
    const source = (name: string): string =>
      name.startsWith('`') ? literalSource(unquote(name)) : globSource(name);
    return compiled({ kind: 'pattern', text, schema: source(schema), table: source(table) });
  }
  const value = { schema: unquote(schema), table: unquote(table) };
  if (value.schema.length > LONGEST_NAME || value.table.length > LONGEST_NAME) {
    return refuse('the name is longer than MySQL allows', 'write at most 64 characters each');
  }
  return accept({ kind: 'exact', table: value });
}

/** The dot between schema and table has to be one that nothing else can match, so that either half stands alone. */
function parseExpression(text: string): Parsed<TableSelector> {
  const source = text.slice(1, -1);
  const dots = [...source.matchAll(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]/g)].filter(
    ([part]) => part === String.raw`\.`,
  );
  const [dot] = dots;
  if (dot === undefined || dots.length > 1) {
    const remedy = String.raw`write /SCHEMA\.TABLE/, for example /tenant_\d+\.users/`;
    return refuse(String.raw`has not exactly one \. between schema and table`, remedy);
  }
  const selector = {
    kind: 'pattern',
    text,
    schema: source.slice(0, dot.index),
    table: source.slice(dot.index + 2),
  } as const;
  return compiled(selector);
}

function compiled(selector: TableSelector): Parsed<TableSelector> {
  try {
    compileSelector(selector);
    return accept(selector);
  } catch {
    return NO_PATTERN;
  }
}

function literalSource(name: string): string {
  return name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

function unquote(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}
