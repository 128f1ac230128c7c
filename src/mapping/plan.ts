import { createHash } from 'node:crypto';
import type { CacheCommand } from '../change/command.ts';
import type { RowChange, RowImage, RowOperation } from '../change/row-change.ts';
import type { ScopeReason } from '../change/source-event.ts';
import { formatTable } from '../change/table.ts';
import type { TableInterest, TableRef } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { compileCondition, conditionColumns } from './condition.ts';
import { compileKey } from './key.ts';
import type { KeyFunction } from './key.ts';
import { canonicalRule } from './rule.ts';
import type { Rule } from './rule.ts';
import { templateColumns, templatePattern } from './template.ts';

/** What mapping appends to: commands, and the number of row images that have no key because of SQL NULL. */
export interface MappingOutput {
  readonly commands: CacheCommand[];
  nullKeys: number;
}

/** All rules, compiled. Pure: no I/O, no state beyond what was compiled. */
export interface MappingPlan {
  /** SHA-256 in hex of what the rules do; the same rules have the same hash in any order. */
  readonly hash: string;
  /** One for each distinct table, with the columns that its rules need, in order of appearance. */
  readonly interests: readonly TableInterest[];
  readonly rules: readonly Rule[];
  /**
   * Appends the commands of one changed row: the keys of both images for an update. An image that lacks a
   * key column gives the template's scope instead of a key, because absent is not NULL.
   * `change.table` must be the table object of one of `interests`.
   * @throws UnstaleError when the table is not one of `interests`.
   */
  map(change: RowChange, out: MappingOutput): void;
  /** One scope for each distinct pattern of these tables' rules; tables are matched by schema and name. */
  scopes(tables: readonly TableRef[], reason: ScopeReason): CacheCommand[];
}

interface CompiledKey {
  readonly keyOf: KeyFunction;
  readonly unreadable: CacheCommand;
}

interface CompiledRule {
  /** Whether the rule reacts to a change; undefined if it does to all. */
  readonly passes: ((change: RowChange) => boolean) | undefined;
  readonly keys: readonly CompiledKey[];
}

interface CompiledTable {
  readonly interest: TableInterest;
  readonly patterns: readonly string[];
  readonly rules: Readonly<Record<RowOperation, readonly CompiledRule[]>>;
}

/** Compiles validated rules into a plan. */
export function compilePlan(rules: readonly Rule[]): MappingPlan {
  const tables = groupByTable(rules).map(compileTable);
  const byIdentity = new Map(tables.map((table) => [table.interest.table, table]));
  const byName = new Map(tables.map((table) => [nameOf(table.interest.table), table]));
  return {
    hash: hashOf(rules),
    interests: tables.map((table) => table.interest),
    rules,
    map(change, out) {
      const table = byIdentity.get(change.table);
      if (table === undefined) {
        throw new UnstaleError(
          'UNSTALE_INTERNAL',
          `a change of ${formatTable(change.table)} that no rule asked for`,
        );
      }
      for (const { passes, keys } of table.rules[change.op]) {
        if (passes === undefined || passes(change)) mapKeys(keys, change, out);
      }
    },
    scopes(refs, reason) {
      const patterns = new Set(refs.flatMap((ref) => byName.get(nameOf(ref))?.patterns ?? []));
      return Array.from(patterns, (pattern) => ({ kind: 'scope', pattern, reason }));
    },
  };
}

function mapKeys(keys: readonly CompiledKey[], change: RowChange, out: MappingOutput): void {
  switch (change.op) {
    case 'insert':
      return mapOne(keys, change.after, out);
    case 'update':
      return mapBoth(keys, change.before, change.after, out);
    case 'delete':
      return mapOne(keys, change.before, out);
  }
}

function mapOne(keys: readonly CompiledKey[], image: RowImage, out: MappingOutput): void {
  for (const key of keys) emit(key, key.keyOf(image), out);
}

function mapBoth(keys: readonly CompiledKey[], before: RowImage, after: RowImage, out: MappingOutput): void {
  for (const key of keys) {
    const old = key.keyOf(before);
    const current = key.keyOf(after);
    emit(key, old, out);
    if (current !== old) emit(key, current, out);
    else if (current === null) out.nullKeys += 1;
  }
}

function emit(key: CompiledKey, value: string | null | undefined, out: MappingOutput): void {
  if (value === null) out.nullKeys += 1;
  else out.commands.push(value === undefined ? key.unreadable : { kind: 'delete', key: value });
}

interface TableRules {
  readonly table: TableRef;
  readonly rules: Rule[];
}

function groupByTable(rules: readonly Rule[]): TableRules[] {
  const groups = new Map<string, TableRules>();
  for (const rule of rules) {
    const name = nameOf(rule.table);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { table: { ...rule.table }, rules: [rule] });
    else group.rules.push(rule);
  }
  return [...groups.values()];
}

function compileTable({ table, rules }: TableRules): CompiledTable {
  const templates = rules.flatMap((rule) => rule.keys);
  const conditions = rules.flatMap(({ condition }) => (condition === undefined ? [] : [condition]));
  const columns = [
    ...new Set([...templates.flatMap(templateColumns), ...conditions.flatMap(conditionColumns)]),
  ];
  const compiled = rules.map(({ on, keys, condition }) => ({
    on,
    passes: condition === undefined ? undefined : compileCondition(condition, columns),
    keys: keys.map((template): CompiledKey => ({
      keyOf: compileKey(template, { table, columns }),
      unreadable: { kind: 'scope', pattern: templatePattern(template, table), reason: 'unreadable' },
    })),
  }));
  const reactingTo = (op: RowOperation): readonly CompiledRule[] => compiled.filter(({ on }) => on.has(op));
  return {
    interest: { table, columns },
    patterns: [...new Set(templates.map((template) => templatePattern(template, table)))],
    rules: { insert: reactingTo('insert'), update: reactingTo('update'), delete: reactingTo('delete') },
  };
}

function hashOf(rules: readonly Rule[]): string {
  const canonical = rules.map(canonicalRule).toSorted();
  return createHash('sha256')
    .update(JSON.stringify(['rules', 1, canonical]))
    .digest('hex');
}

// Unambiguous: MySQL names cannot hold NUL.
function nameOf(table: TableRef): string {
  return `${table.schema}\0${table.table}`;
}
