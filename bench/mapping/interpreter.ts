import type { RowChange, RowImage } from '../../src/change/row-change.ts';
import { compileCondition } from '../../src/mapping/condition.ts';
import type { MappingOutput, MappingPlan } from '../../src/mapping/plan.ts';
import type { TableRule } from '../../src/mapping/rule.ts';
import type { KeyTemplate } from '../../src/mapping/template.ts';

/**
 * The mapping as one would write it without compiling: the rules of a table by its name, and for each image the parts
 * of the parsed template. It knows deletes by keys of plain columns, and leaves conditions to the plan's own code.
 */
export function interpreter(plan: MappingPlan): (change: RowChange, out: MappingOutput) => void {
  const rules = new Map<string, TableRule[]>();
  for (const rule of plan.rules) {
    if (rule.kind !== 'table' || rule.tables.kind !== 'exact') throw new Error('not a rule on one table');
    const name = `${rule.tables.table.schema}.${rule.tables.table.table}`;
    rules.set(name, [...(rules.get(name) ?? []), rule]);
  }
  const conditions = new Map<TableRule, (change: RowChange) => boolean>();
  return (change, out) => {
    const { schema, table } = change.table;
    const columns = plan.interests.of(schema, table)?.columns ?? [];
    for (const rule of rules.get(`${schema}.${table}`) ?? []) {
      if (!rule.on.has(change.op)) continue;
      if (rule.condition !== undefined) {
        let passes = conditions.get(rule);
        if (passes === undefined) conditions.set(rule, (passes = compileCondition(rule.condition, columns)));
        if (!passes(change)) continue;
      }
      for (const template of rule.keys) {
        const keys = new Set<string>();
        if (change.op !== 'insert') keys.add(keyOf(template, columns, change.before));
        if (change.op !== 'delete') keys.add(keyOf(template, columns, change.after));
        for (const key of keys) out.commands.push({ kind: 'delete', key, rule: rule.id });
      }
    }
  };
}

function keyOf(template: KeyTemplate, columns: readonly string[], image: RowImage): string {
  let key = '';
  for (const part of template.parts) {
    if (part.kind === 'literal') key += part.text;
    else if (part.ref.kind === 'column') key += String(image[columns.indexOf(part.ref.name)]);
  }
  return key;
}
