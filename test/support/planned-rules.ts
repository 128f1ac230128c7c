import type { CacheCommand } from '../../src/change/command.ts';
import type { RowImage } from '../../src/change/row-change.ts';
import type { Comparison } from '../../src/mapping/condition-comparison.ts';
import type { ImageCondition, RuleCondition } from '../../src/mapping/condition.ts';
import type { MappingOutput, MappingPlan } from '../../src/mapping/plan.ts';
import { ALL_EVENTS } from '../../src/mapping/rule.ts';
import type { TableRule } from '../../src/mapping/rule.ts';
import { globSource } from '../../src/mapping/table-selector.ts';
import type { TableSelector } from '../../src/mapping/table-selector.ts';
import { parseTemplate } from '../../src/mapping/template.ts';
import type { KeyTemplate } from '../../src/mapping/template.ts';
import { spell } from './reference-mapping.ts';
import type { ReferenceChange, ReferenceRule, Row, Test, Where } from './reference-mapping.ts';

/** Rows of a lookup's result beyond which the rule's scope goes. */
export const MAX_ROWS = 2;

function template(text: string): KeyTemplate {
  const result = parseTemplate(text, { constant: true });
  if (!result.ok) throw new Error(`${text}: ${result.problem}`);
  return result.template;
}

function selector(text: string): TableSelector {
  const [schema = '', table = ''] = text.split('.');
  if (!text.includes('*')) return { kind: 'exact', table: { schema, table } };
  return { kind: 'pattern', text, schema: globSource(schema), table: globSource(table) };
}

function comparison(test: Test): Comparison {
  if (test === 'null') return { op: 'null' };
  if (test === 'not null') return { op: 'not-null' };
  if ('is' in test) return { op: 'eq', value: test.is };
  if ('in' in test) return { op: 'in', values: test.in };
  return 'not' in test ? { op: 'not', values: test.not } : { op: 'range', ...test };
}

function imageCondition(where: Where): ImageCondition {
  return Object.entries(where).map(([column, test]) => ({ column, tests: [comparison(test)] }));
}

function condition({ changed, where = {} }: ReferenceRule): RuleCondition {
  return {
    ...(changed === undefined ? {} : { changed }),
    ...(where.image === undefined ? {} : { image: imageCondition(where.image) }),
    ...(where.old === undefined ? {} : { old: imageCondition(where.old) }),
    ...(where.new === undefined ? {} : { new: imageCondition(where.new) }),
  };
}

/** A rule as the configuration gives it. Results of lookups have one column, `child`. */
export function tableRule(rule: ReferenceRule): TableRule {
  return {
    kind: 'table',
    id: rule.id,
    tables: selector(rule.table),
    on: new Set(rule.on === undefined ? ALL_EVENTS : [...rule.on, 'truncate']),
    ...(rule.changed === undefined && rule.where === undefined ? {} : { condition: condition(rule) }),
    keys: (rule.keys ?? []).map(template),
    keysFromSet: (rule.sets ?? []).map(template),
    ...(rule.generation === undefined ? {} : { generation: template(rule.generation) }),
    ...(rule.maxKeys === undefined ? {} : { maxKeysPerTransaction: rule.maxKeys }),
    ...(rule.lookup === undefined
      ? {}
      : { lookup: { sql: 'SELECT', parameters: rule.lookup, maxKeys: MAX_ROWS, timeout: 1, cache: 0 } }),
    action: { kind: 'delete', guard: { kind: 'none' } },
  };
}

/** Maps the changes of one transaction. */
export function mapped(plan: MappingPlan, changes: readonly ReferenceChange[]): MappingOutput {
  const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
  for (const { schema, table, before, after } of changes) {
    const interest = plan.interests.of(schema, table);
    if (interest === undefined) continue;
    const image = (row: Row): RowImage => interest.columns.map((column) => row[column]);
    const { table: ref } = interest;
    if (before === undefined) plan.map({ op: 'insert', table: ref, after: image(after ?? {}) }, out);
    else if (after === undefined) plan.map({ op: 'delete', table: ref, before: image(before) }, out);
    else plan.map({ op: 'update', table: ref, before: image(before), after: image(after) }, out);
  }
  return out;
}

/** As the reference spells it. */
export function lineOf(command: CacheCommand): string {
  return command.kind === 'scope'
    ? `scope${command.members ? ' of sets' : ''} ${command.pattern}`
    : `${command.kind} ${command.key}`;
}

/** What was mapped, as the reference spells it, each once. */
export function lines(plan: MappingPlan, { commands, lookups }: MappingOutput): Set<string> {
  const asked = lookups.map(
    ({ lookup, parameters }) => `lookup ${plan.lookups[lookup]?.rule} ${parameters.map(spell).join(', ')}`,
  );
  return new Set([...commands.map(lineOf), ...asked]);
}
