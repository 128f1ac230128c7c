import type { CacheCommand } from '../change/command.ts';
import type { ScopeReason } from '../change/source-event.ts';
import type { TableReach } from '../change/table.ts';
import { globLiteral } from './glob-literal.ts';
import type { OutboxRule, Rule, TableRule } from './rule.ts';
import { templatePattern } from './template.ts';
import type { KeyTemplate } from './template.ts';

/**
 * What stands for every key that a rule can produce from the tables in `reach`: its generation if it has one, else
 * globs. Nothing for a TRUNCATE that the rule does not listen to.
 */
export function ruleScopes(rule: Rule, reach: TableReach, reason: ScopeReason): readonly CacheCommand[] {
  return rule.kind === 'outbox' ? outboxScopes(rule, reason) : tableScopes(rule, reach, reason);
}

function tableScopes(rule: TableRule, reach: TableReach, reason: ScopeReason): readonly CacheCommand[] {
  if (reason === 'truncate' && !rule.on.has('truncate')) return [];
  const { id, generation, keys, keysFromSet } = rule;
  const bound = boundNames(rule, reach, reason);
  const scope = (template: KeyTemplate, members: boolean): CacheCommand => ({
    kind: 'scope',
    pattern: templatePattern(template, bound),
    members,
    ...(isGuarded(rule) ? { guarded: true as const } : {}),
    reason,
    rule: id,
  });
  if (generation === undefined) {
    return [
      ...keys.map((template) => scope(template, false)),
      ...keysFromSet.map((template) => scope(template, true)),
    ];
  }
  const key = boundKey(generation, bound);
  // Counters that nobody can list are removed: a reader that finds none begins with a new one.
  return [key === undefined ? scope(generation, false) : { kind: 'generation', key, rule: id }];
}

function isGuarded({ action }: TableRule): boolean {
  return action.kind === 'update' || action.guard.kind !== 'none';
}

/** Names as the binlog spells them. Those in a statement's text may differ in case from what rows gave the keys. */
function boundNames(rule: TableRule, reach: TableReach, reason: ScopeReason): TableReach {
  if (rule.tables.kind === 'exact') return rule.tables.table;
  return reason === 'unreadable' || reason === 'limit' ? reach : {};
}

/** Rows that nobody read named keys that nobody knows; what the rule says of them is all there is. */
function outboxScopes(rule: OutboxRule, reason: ScopeReason): readonly CacheCommand[] {
  // The outbox is emptied and altered without anything becoming stale.
  if (reason === 'truncate' || reason === 'ddl') return [];
  return rule.prefixes.map((prefix) => ({
    kind: 'scope',
    pattern: `${globLiteral(prefix)}*`,
    members: false,
    ...(rule.guard.kind === 'none' ? {} : { guarded: true as const }),
    reason,
    rule: rule.id,
  }));
}

/** The template's text if nothing in it depends on a row. */
function boundKey(template: KeyTemplate, reach: TableReach): string | undefined {
  let key = '';
  for (const part of template.parts) {
    if (part.kind === 'literal') {
      key += part.text;
      continue;
    }
    const name =
      part.ref.kind === 'schema' ? reach.schema : part.ref.kind === 'table' ? reach.table : undefined;
    if (name === undefined || part.filters.length > 0) return undefined;
    key += name;
  }
  return key;
}
