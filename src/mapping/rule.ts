import type { RowOperation } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import { canonicalCondition } from './condition.ts';
import type { RuleCondition } from './condition.ts';
import type { KeyTemplate } from './template.ts';

/** One validated rule: which keys a changed row of a table makes stale, and what becomes of them. */
export interface Rule {
  /** The rule's place in the configuration, e.g. `rules[0]`. */
  readonly id: string;
  readonly table: TableRef;
  readonly keys: readonly KeyTemplate[];
  readonly on: ReadonlySet<RowOperation>;
  /** Without one, every change counts. */
  readonly condition?: RuleCondition;
  readonly action: 'delete';
}

/** Every operation: what a rule without `on` reacts to. */
export const ALL_OPERATIONS: readonly RowOperation[] = ['insert', 'update', 'delete'];

/** What a rule does, as text: equal for two rules that do the same, whatever their place in the file. */
export function canonicalRule(rule: Rule): string {
  return JSON.stringify([
    rule.table.schema,
    rule.table.table,
    rule.keys.map((key) => key.text).toSorted(),
    ALL_OPERATIONS.filter((op) => rule.on.has(op)),
    rule.action,
    ...(rule.condition === undefined ? [] : [canonicalCondition(rule.condition)]),
  ]);
}
