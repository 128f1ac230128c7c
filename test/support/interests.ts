import type { TableInterest, TableInterests, TableRef } from '../../src/change/table.ts';

/** Interest in tables by their names, and in those of a schema's prefix, as rules would have it. */
export function interestsIn(
  named: readonly TableInterest[],
  pattern?: { readonly schemaPrefix: string; readonly table: string; readonly columns: readonly string[] },
): TableInterests {
  const found = new Map<string, TableInterest>();
  const isNamed = (table: TableRef, schema: string, name: string): boolean =>
    table.schema === schema && table.table === name;
  return {
    named,
    hasPatterns: pattern !== undefined,
    of: (schema, table) => {
      const exact = named.find((interest) => isNamed(interest.table, schema, table));
      if (exact !== undefined) return exact;
      if (pattern === undefined || !schema.startsWith(pattern.schemaPrefix) || table !== pattern.table)
        return undefined;
      const interest = found.get(schema) ?? { table: { schema, table }, columns: pattern.columns };
      found.set(schema, interest);
      return interest;
    },
    mayReach: ({ schema, table }) =>
      named.some(
        (interest) => isSame(schema, interest.table.schema) && isSame(table, interest.table.table),
      ) ||
      (pattern !== undefined &&
        (schema === undefined || schema.toLowerCase().startsWith(pattern.schemaPrefix.toLowerCase())) &&
        isSame(table, pattern.table)),
  };
}

function isSame(reached: string | undefined, name: string): boolean {
  return reached === undefined || reached.toLowerCase() === name.toLowerCase();
}
