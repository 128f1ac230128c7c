import { deleteOf } from '../change/command.ts';
import type { CacheCommand } from '../change/command.ts';
import type { ColumnValue, RowChange, RowImage } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import { compileCondition, conditionColumns } from './condition.ts';
import { compileKey, plainKey } from './key.ts';
import type { KeyFunction } from './key.ts';
import type { PlainKeyRule } from './plain-key-table.ts';
import type { Lookup, MappingOutput, MapRow } from './plan.ts';
import { ALL_OPERATIONS } from './rule.ts';
import type { Rule, RuleLookup, TableRule } from './rule.ts';
import { guardWithoutVersion } from './guard.ts';
import { mapVersioned, storedColumns, versionOf } from './compile-versioned-rule.ts';
import { ruleScopes } from './rule-scopes.ts';
import { templateColumns, templateLookups } from './template.ts';
import type { KeyTemplate } from './template.ts';

/** What a rule is compiled for: a table, and the columns that its row images hold. */
export interface RuleTarget {
  readonly table: TableRef;
  readonly columns: readonly string[];
  /** The number of the rule's lookup among those of the plan. */
  readonly lookup: number | undefined;
}

/** Appends what one row image of a change asks for. */
interface ImageMapper {
  readonly keyOf: KeyFunction;
  readonly commandOf: (key: string) => CacheCommand;
  readonly unreadable: readonly CacheCommand[];
}

/** The columns of changed rows that a rule needs, with repetitions. */
export function ruleColumns(rule: Rule): readonly string[] {
  return [...ruleColumnsBefore(rule), ...(rule.kind === 'outbox' ? [] : storedColumns(rule.action))];
}

/** Those that it needs of the row as it was before an UPDATE, too. */
export function ruleColumnsBefore(rule: Rule): readonly string[] {
  if (rule.kind === 'outbox') {
    return [rule.keyColumn, rule.prefixColumn, rule.generationColumn].filter((name) => name !== undefined);
  }
  const { action, condition, lookup } = rule;
  const version = versionOf(action);
  return [
    ...(version?.kind === 'column' ? [version.column] : []),
    ...ruleTemplates(rule).flatMap(templateColumns),
    ...(condition === undefined ? [] : conditionColumns(condition)),
    ...(lookup?.parameters ?? []),
  ];
}

/** All templates of a rule. */
export function ruleTemplates({ keys, keysFromSet, generation }: TableRule): readonly KeyTemplate[] {
  return [...keys, ...keysFromSet, ...(generation === undefined ? [] : [generation])];
}

/** The rule if all that it asks of a row is the key of one column. */
export function plainKeyRule(rule: Rule, target: Omit<RuleTarget, 'lookup'>): PlainKeyRule | undefined {
  if (rule.kind !== 'table' || rule.lookup !== undefined || rule.maxKeysPerTransaction !== undefined)
    return undefined;
  if (rule.action.kind !== 'delete' || versionOf(rule.action) !== undefined) return undefined;
  const [only, ...others] = rule.keys;
  if (only === undefined || others.length + rule.keysFromSet.length > 0) return undefined;
  const plain = plainKey(only, target);
  if (plain === undefined) return undefined;
  const unreadable = ruleScopes(rule, target.table, 'unreadable');
  const guard = guardWithoutVersion(rule.action.guard);
  return { ...plain, rule: rule.id, guard, unreadable, concerns: concernsOf(rule, target) };
}

/** Compiles a rule for one table. */
export function compileTableRule(rule: TableRule, target: RuleTarget): MapRow {
  const concerns = concernsOf(rule, target);
  const map = limited(
    rule,
    target,
    rule.lookup === undefined ? mapKeys(rule, target) : mapLookup(rule, rule.lookup, target),
  );
  if (concerns === undefined) return map;
  return (change, out) => {
    if (concerns(change)) map(change, out);
  };
}

/** Whether a change is one that the rule is on; undefined if each is. */
function concernsOf(
  { on, condition }: TableRule,
  { columns }: Pick<RuleTarget, 'columns'>,
): ((change: RowChange) => boolean) | undefined {
  const holds = condition && compileCondition(condition, columns);
  if (ALL_OPERATIONS.every((op) => on.has(op))) return holds;
  return (change) => on.has(change.op) && (holds === undefined || holds(change));
}

/** A rule's lookup as the plan offers it; undefined if the rule has none. */
export function lookupOf(rule: TableRule): Lookup | undefined {
  const { id, lookup } = rule;
  if (lookup === undefined) return undefined;
  const columns = [...new Set(ruleTemplates(rule).flatMap(templateLookups))];
  // Lookup rules name no table in their keys, so that any table does.
  const table = { schema: '', table: '' };
  const mappers = mappersOf(rule, { table, columns: [], lookup: undefined }, columns);
  const { sql, maxKeys, timeout, cache } = lookup;
  return {
    rule: id,
    sql,
    columns,
    maxKeys,
    timeout,
    cache,
    commandsOf(rows, out) {
      for (const { keyOf, commandOf, unreadable } of mappers) {
        for (const row of rows) {
          const key = keyOf([], row);
          if (key === undefined) out.push(...unreadable);
          else if (key !== null) out.push(commandOf(key));
        }
      }
    },
    fallback: ruleScopes(rule, {}, 'limit'),
  };
}

function mappersOf(rule: TableRule, target: RuleTarget, lookups?: readonly string[]): readonly ImageMapper[] {
  const { table, columns } = target;
  const reach = table.table === '' ? {} : table;
  const key = { table, columns, ...(lookups === undefined ? {} : { lookups }) };
  const compile = (template: KeyTemplate, commandOf: ImageMapper['commandOf']): ImageMapper => ({
    keyOf: compileKey(template, key),
    commandOf,
    unreadable: ruleScopes(only(rule, template), reach, 'unreadable'),
  });
  const guard = rule.action.kind === 'delete' ? guardWithoutVersion(rule.action.guard) : undefined;
  const guarded = guard === undefined ? {} : ({ guarded: true } as const);
  const commandOf = (key: string): CacheCommand => deleteOf(key, rule.id, guard);
  const mappers = [
    ...rule.keys.map((template) => compile(template, commandOf)),
    ...rule.keysFromSet.map((template) =>
      compile(template, (name) => ({ kind: 'set-keys', key: name, rule: rule.id, ...guarded })),
    ),
  ];
  if (mappers.length > 0 || rule.generation === undefined) return mappers;
  return [compile(rule.generation, (name) => ({ kind: 'generation', key: name, rule: rule.id }))];
}

/** The rule as far as one of its templates goes: an image may lack the columns of one key and hold those of another. */
function only(rule: TableRule, template: KeyTemplate): TableRule {
  const isIt = (other: KeyTemplate): boolean => other === template;
  return { ...rule, keys: rule.keys.filter(isIt), keysFromSet: rule.keysFromSet.filter(isIt) };
}

function mapKeys(rule: TableRule, target: RuleTarget): MapRow {
  const version = versionOf(rule.action);
  if (version === undefined) return mapUnversioned(rule, target);
  const versioned = mapVersioned(rule, version, target);
  if (rule.keysFromSet.length + (rule.keys.length === 0 ? 1 : 0) === 0) return versioned;
  const others = mapUnversioned({ ...rule, keys: [] }, target);
  return (change, out) => {
    versioned(change, out);
    others(change, out);
  };
}

function mapUnversioned(rule: TableRule, target: RuleTarget): MapRow {
  const mappers = mappersOf(rule, target);
  return (change, out) => {
    for (const mapper of mappers) {
      if (change.op === 'update') mapBoth(mapper, change.before, change.after, out);
      else emit(mapper, mapper.keyOf(change.op === 'insert' ? change.after : change.before), out);
    }
  };
}

function mapBoth(mapper: ImageMapper, before: RowImage, after: RowImage, out: MappingOutput): void {
  const old = mapper.keyOf(before);
  const current = mapper.keyOf(after);
  emit(mapper, old, out);
  if (current !== old) emit(mapper, current, out);
  else if (current === null) out.nullKeys += 1;
}

function emit(mapper: ImageMapper, key: string | null | undefined, out: MappingOutput): void {
  if (key === null) out.nullKeys += 1;
  else if (key === undefined) out.commands.push(...mapper.unreadable);
  else out.commands.push(mapper.commandOf(key));
}

/**
 * Both images of an update are looked up by: what belongs to the old values is stale as well. What the query makes of
 * NULL only the server knows: `a = :a OR b = :b` finds rows by the other one.
 */
function mapLookup(rule: TableRule, lookup: RuleLookup, target: RuleTarget): MapRow {
  const { lookup: number, table, columns } = target;
  const indexes = lookup.parameters.map((name) => columns.indexOf(name));
  const unreadable = ruleScopes(rule, table, 'unreadable');
  const ask = (parameters: readonly ColumnValue[], out: MappingOutput): void => {
    if (number === undefined || !isKnown(parameters)) out.commands.push(...unreadable);
    else out.lookups.push({ lookup: number, parameters });
  };
  return (change, out) => {
    const [first, second] = imagesOf(change).map((image) => indexes.map((index) => image[index]));
    if (first !== undefined) ask(first, out);
    if (second !== undefined && !isSame(first, second)) ask(second, out);
  };
}

function imagesOf(change: RowChange): readonly RowImage[] {
  if (change.op === 'update') return [change.before, change.after];
  return [change.op === 'insert' ? change.after : change.before];
}

function isKnown(
  parameters: readonly ColumnValue[],
): parameters is readonly Exclude<ColumnValue, undefined>[] {
  return parameters.every((value) => value !== undefined);
}

function isSame(a: readonly ColumnValue[] | undefined, b: readonly ColumnValue[]): boolean {
  return b.every((value, index) => {
    const other = a?.[index];
    if (value instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(value, other) === 0;
    return value === other;
  });
}

/** Beyond the rule's limit of keys in a transaction, its scope takes the place of more keys. */
function limited(rule: TableRule, target: RuleTarget, map: MapRow): MapRow {
  const most = rule.maxKeysPerTransaction;
  if (most === undefined) return map;
  const scopes = ruleScopes(rule, target.table, 'limit');
  return (change, out) => {
    const keys = out.commands.length;
    const lookups = out.lookups.length;
    map(change, out);
    const added = out.commands.length - keys + out.lookups.length - lookups;
    const total = (out.keysOfTransaction.get(rule.id) ?? 0) + added;
    out.keysOfTransaction.set(rule.id, total);
    if (total <= most || added === 0) return;
    out.commands.length = keys;
    out.lookups.length = lookups;
    out.commands.push(...scopes);
  };
}
