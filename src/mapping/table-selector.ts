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

/** The regular expressions of a glob such as `shop_*.users`: `*` is any text, `?` one character, `[…]` a choice. */
export function globSource(glob: string): string {
  return glob.replaceAll(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    if (part.length > 1) return part.replaceAll('\\', '\\\\').replace(/^\[!/, '[^');
    return part.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  });
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
