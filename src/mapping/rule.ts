import type { RowOperation } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import { canonicalCondition } from './condition.ts';
import type { RuleCondition } from './condition.ts';
import { formatSelector } from './table-selector.ts';
import type { TableSelector } from './table-selector.ts';
import type { KeyTemplate } from './template.ts';
import { canonicalValue } from './value-template.ts';
import type { ValueTemplate } from './value-template.ts';

/** What a rule reacts to. `truncate` stands for everything that has no rows: TRUNCATE, DROP and the like. */
export type RuleEvent = RowOperation | 'truncate';

/** What is the same for every rule. */
interface RuleBase {
  /** The rule's place in the configuration, e.g. `rules[0]`. */
  readonly id: string;
  /** Deletes in a second that the rule may cause; undefined for no limit. */
  readonly maxDeletesPerSecond?: number;
}

/** Which keys a changed row of a table makes stale, and what becomes of them. */
export interface TableRule extends RuleBase {
  readonly kind: 'table';
  readonly tables: TableSelector;
  readonly on: ReadonlySet<RuleEvent>;
  readonly condition?: RuleCondition;
  readonly keys: readonly KeyTemplate[];
  /** Names of Redis sets that hold the names of dependent keys. */
  readonly keysFromSet: readonly KeyTemplate[];
  /** A counter: what the rule does if it has no keys, and what stands for all of its keys if it has. */
  readonly generation?: KeyTemplate;
  /** Keys that one transaction may bring before the rule's scope takes their place. */
  readonly maxKeysPerTransaction?: number;
  readonly lookup?: RuleLookup;
  readonly action: RuleAction;
  /** Delays after which the deletes are repeated, ms. */
  readonly redelete?: readonly number[];
}

/** What becomes of the keys of a changed row. */
export type RuleAction =
  | { readonly kind: 'delete'; readonly guard: RuleGuard }
  | {
      readonly kind: 'update';
      readonly value: ValueTemplate;
      readonly version: VersionSource;
      /** Times in ms. */
      readonly ttl: number;
      /** Up to which part of the TTL it ends earlier, 0 to 1. */
      readonly ttlJitter: number;
      /** Whether keys that are not there are created. */
      readonly create: boolean;
      readonly replicaHold: number;
    };

/**
 * What keeps readers from filling a deleted key with what they read before (protocol.md, the three tiers).
 * `replicaHold`: how long after a change they have to read the primary, ms; 0: not at all.
 */
export type RuleGuard =
  | { readonly kind: 'none' }
  | { readonly kind: 'lease'; readonly replicaHold: number }
  | { readonly kind: 'version'; readonly column: string; readonly replicaHold: number };

/** What orders the values of a key: a column that only grows, or the place of the change in the binlog. */
export type VersionSource =
  { readonly kind: 'column'; readonly column: string } | { readonly kind: 'binlog' };

/** A query whose result gives the keys. Times are in ms. */
export interface RuleLookup {
  /** With `?` for each parameter. */
  readonly sql: string;
  /** Columns of the changed row, one for each `?`. */
  readonly parameters: readonly string[];
  /** Rows of a result, beyond which the rule's scope is removed instead. */
  readonly maxKeys: number;
  readonly timeout: number;
  /** How long a result may be used again; 0: not at all. */
  readonly cache: number;
}

/** A table in which the application itself names what is stale. Each column that is given may be NULL in a row. */
export interface OutboxRule extends RuleBase {
  readonly kind: 'outbox';
  readonly table: TableRef;
  readonly keyColumn?: string;
  readonly prefixColumn?: string;
  readonly generationColumn?: string;
  readonly guard: Exclude<RuleGuard, { kind: 'version' }>;
  /** What the keys begin with that rows may name: removed where it is not known which ones they named. */
  readonly prefixes: readonly string[];
}

export type Rule = TableRule | OutboxRule;

/** The tables that a rule is on. */
export function selectorOf(rule: Rule): TableSelector {
  return rule.kind === 'outbox' ? { kind: 'exact', table: rule.table } : rule.tables;
}

/** Every operation on rows. */
export const ALL_OPERATIONS: readonly RowOperation[] = ['insert', 'update', 'delete'];

/** What a rule without `on` reacts to. */
export const ALL_EVENTS: readonly RuleEvent[] = [...ALL_OPERATIONS, 'truncate'];

/** What a rule does, as text: equal for two rules that do the same, whatever their place in the file. */
export function canonicalRule(rule: Rule): string {
  if (rule.kind === 'outbox') {
    const { table, keyColumn, prefixColumn, generationColumn, prefixes } = rule;
    return JSON.stringify([
      'outbox',
      [table.schema, table.table],
      [keyColumn, prefixColumn, generationColumn],
      prefixes.toSorted(),
      ...(rule.guard.kind === 'none' ? [] : [rule.guard]),
    ]);
  }
  const { lookup } = rule;
  return JSON.stringify([
    'table',
    formatSelector(rule.tables),
    rule.keys.map((key) => key.text).toSorted(),
    rule.keysFromSet.map((key) => key.text).toSorted(),
    rule.generation?.text ?? null,
    ALL_EVENTS.filter((event) => rule.on.has(event)),
    rule.condition === undefined ? null : canonicalCondition(rule.condition),
    rule.maxKeysPerTransaction ?? null,
    lookup === undefined ? null : [lookup.sql, lookup.parameters, lookup.maxKeys],
    ...canonicalAction(rule.action),
    ...(rule.redelete === undefined ? [] : [['redelete', rule.redelete]]),
  ]);
}

function canonicalAction(action: RuleAction): readonly unknown[] {
  if (action.kind === 'update') return ['update', { ...action, value: canonicalValue(action.value) }];
  return action.guard.kind === 'none' ? ['delete'] : ['delete', action.guard];
}
