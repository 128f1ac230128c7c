import type { TableReach, TableRef } from '../change/table.ts';

/**
 * Which tables a rule is on: one, or those whose schema and name match as a whole. `schema` and `table` are sources
 * of regular expressions. Plain data, so that it can go from process to process.
 */
export type TableSelector =
  | { readonly kind: 'exact'; readonly table: TableRef }
  | { readonly kind: 'pattern'; readonly text: string; readonly schema: string; readonly table: string };

/** A selector, ready to match. */
export interface TableMatcher {
  /** Names as the binlog spells them. */
  readonly matches: (schema: string, table: string) => boolean;
  /** Whether one of these tables may match. Names compare without case, as lower_case_table_names may have it. */
  readonly mayReach: (reach: TableReach) => boolean;
}

/** `schema.table`, or the pattern as the rule spells it. */
export function formatSelector(selector: TableSelector): string {
  return selector.kind === 'exact' ? `${selector.table.schema}.${selector.table.table}` : selector.text;
}

/**
 * The source of a regular expression for one name of a glob such as `shop_*`: `*` is any text, `?` one character, `[…]`
 * a choice. To be matched as a whole, with nothing else in the expression.
 *
 * Between two stars the first match will do, and no other is tried: a dozen stars would else take minutes on a name of
 * 64 characters.
 */
export function globSource(glob: string): string {
  const [first = '', ...others] = partsOf(glob);
  const last = others.pop();
  if (last === undefined) return first;
  const between = others.filter((part) => part !== '');
  const steps = between.map((part, index) => `(?=(.*?${part}))(?:\\${index + 1})`);
  return `${first}${steps.join('')}.*${last}`;
}

/** What stands between the stars, as sources. */
function partsOf(glob: string): string[] {
  const parts = [''];
  for (const [token] of glob.matchAll(/\[!?[^\]]+\]|[\s\S]/g)) {
    if (token === '*') parts.push('');
    else parts.push(`${parts.pop() ?? ''}${sourceOf(token)}`);
  }
  return parts;
}

function sourceOf(token: string): string {
  if (token === '?') return '.';
  if (token.length > 1) return token.replaceAll('\\', '\\\\').replace(/^\[!/, '[^');
  return token.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

/** @throws SyntaxError when a source of the selector is no regular expression */
export function compileSelector(selector: TableSelector): TableMatcher {
  if (selector.kind === 'exact') {
    const { table } = selector;
    const [schema, name] = [table.schema.toLowerCase(), table.table.toLowerCase()];
    return {
      matches: (givenSchema, givenTable) => givenSchema === table.schema && givenTable === table.table,
      mayReach: (reach) =>
        (reach.schema === undefined || reach.schema.toLowerCase() === schema) &&
        (reach.table === undefined || reach.table.toLowerCase() === name),
    };
  }
  const exactly = { schema: whole(selector.schema, ''), table: whole(selector.table, '') };
  const roughly = { schema: whole(selector.schema, 'i'), table: whole(selector.table, 'i') };
  return {
    matches: (schema, table) => exactly.schema.test(schema) && exactly.table.test(table),
    mayReach: (reach) =>
      (reach.schema === undefined || roughly.schema.test(reach.schema)) &&
      (reach.table === undefined || roughly.table.test(reach.table)),
  };
}

function whole(source: string, flags: '' | 'i'): RegExp {
  return new RegExp(`^(?:${source})$`, `s${flags}`);
}
