import type { RowChange, RowImage } from '../../src/change/row-change.ts';
import type { MappingPlan } from '../../src/mapping/plan.ts';
import { compilePlan } from '../../src/mapping/plan.ts';
import type { TableRule } from '../../src/mapping/rule.ts';
import { oneKeyRule } from '../one-key-rule.ts';

export const SCENARIOS = ['integer', 'text', 'conditions', '200 tables', '200 tables, runs'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

export interface Scenario {
  readonly plan: MappingPlan;
  /** As many of each operation; an update changes no key. */
  readonly changes: readonly RowChange[];
}

/** Changes that are mapped over and over; more than the caches of a core hold, as of a binlog. */
const CHANGES = 12_000;
/** Changes of one table behind one another, where tables change in runs. */
const RUN = 20;

/** Rules and the changes that they are measured with. */
export function scenarioOf(name: ScenarioName): Scenario {
  const many = name.startsWith('200');
  const rules = Array.from({ length: many ? 200 : 1 }, (_, index) => ruleOf(index, name));
  const plan = compilePlan(rules);
  const random = randomNumbers();
  let at = 0;
  const changes = Array.from({ length: CHANGES }, (_, index): RowChange => {
    if (name !== '200 tables, runs' || index % RUN === 0) at = Math.floor(random() * rules.length);
    const interest = plan.interests.of('shop', `table_${at}`);
    if (interest === undefined) throw new Error(`no rule is on table_${at}`);
    const { table } = interest;
    const before = imageOf(name, 1_000_000 + index, index);
    const after = imageOf(name, 1_000_000 + index, index + 1);
    if (index % 3 === 0) return { op: 'insert', table, after };
    return index % 3 === 1 ? { op: 'update', table, before, after } : { op: 'delete', table, before };
  });
  return { plan, changes };
}

function ruleOf(index: number, name: ScenarioName): TableRule {
  const condition = {
    changed: ['status', 'id'],
    image: [{ column: 'status', tests: [{ op: 'not', values: ['draft'] } as const] }],
  };
  const rule = oneKeyRule(
    `rules[${index}]`,
    { schema: 'shop', table: `table_${index}` },
    `user${index}:{id}`,
  );
  return name === 'conditions' ? { ...rule, condition } : rule;
}

function imageOf(name: ScenarioName, id: number, version: number): RowImage {
  if (name === 'text') return [`user${id}@example.com`];
  return name === 'conditions' ? [id, version % 2 === 0 ? 'active' : 'paid'] : [id];
}

/** The same sequence in every process. */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
