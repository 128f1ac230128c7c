import type { Rule } from '../mapping/rule.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

export type TableName = Rule['table'];

const NAME = /(?:`(?:[^`]|``)+`|[^`.]+)/.source;
const SCHEMA_AND_TABLE = new RegExp(`^(${NAME})\\.(${NAME})$`);

/** MySQL's limit for the names of schemas and tables. */
const LONGEST_NAME = 64;

/** `schema.table`; a name with odd characters stands in backquotes, where a doubled one is a literal one. */
export function parseTableName(text: string): Parsed<TableName> {
  if (/^\/.*\/$/.test(text)) {
    return refuse(
      'a regular expression for tables is not available in this version',
      'write one rule for each table',
    );
  }
  const [, schema, table] = SCHEMA_AND_TABLE.exec(text) ?? [];
  if (schema === undefined || table === undefined) {
    return refuse(
      'is not a table',
      'write schema.table, with odd names in backquotes: "`my.schema`.`my table`"',
    );
  }
  const bare = [schema, table].filter((name) => !name.startsWith('`'));
  if (bare.some((name) => /[*?[\]]/.test(name))) {
    return refuse('a pattern for tables is not available in this version', 'write one rule for each table');
  }
  if (bare.some((name) => /[\s/\\]/.test(name))) {
    return refuse(
      'an odd character in the name of the table',
      'put the name in backquotes: "shop.`my table`"',
    );
  }
  const value = { schema: unquote(schema), table: unquote(table) };
  if (value.schema.length > LONGEST_NAME || value.table.length > LONGEST_NAME) {
    return refuse('the name is longer than MySQL allows', 'write at most 64 characters each');
  }
  return accept(value);
}

function unquote(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}
