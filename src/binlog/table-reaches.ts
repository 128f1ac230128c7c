import type { TableReach } from '../change/table.ts';

/** Any table. */
export const ALL_TABLES: readonly TableReach[] = [{}];
/** Reaches that are kept apart; more are widened. */
export const MAX_REACHES = 32;

/**
 * The same reaches, each once and no more than 32: of more, their schemas, or if these are too many as well or not
 * known, all tables.
 */
export function boundedReaches(reaches: Iterable<TableReach>): readonly TableReach[] {
  const distinct = new Map<string, TableReach>();
  const schemas = new Map<string, TableReach>();
  let unbounded = false;
  for (const reach of reaches) {
    const { schema, table } = reach;
    if (distinct.size <= MAX_REACHES) distinct.set(JSON.stringify([schema ?? null, table ?? null]), reach);
    if (schema === undefined) unbounded = true;
    else schemas.set(schema, { schema });
    if (distinct.size > MAX_REACHES && (unbounded || schemas.size > MAX_REACHES)) return ALL_TABLES;
  }
  return distinct.size <= MAX_REACHES ? [...distinct.values()] : [...schemas.values()];
}

/** A reach for people: `schema.table`, with `*` for what is not known. */
export function formatReach({ schema, table }: TableReach): string {
  return `${schema ?? '*'}.${table ?? '*'}`;
}
