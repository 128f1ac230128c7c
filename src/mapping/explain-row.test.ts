import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowChange, RowImage } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import type { RuleCondition } from './condition.ts';
import { explainRow } from './explain-row.ts';
import { compilePlan } from './plan.ts';
import type { MappingOutput, MappingPlan } from './plan.ts';
import { ALL_EVENTS, ALL_OPERATIONS } from './rule.ts';
import type { Rule, TableRule } from './rule.ts';
import { parseTemplate } from './template.ts';
import type { KeyTemplate } from './template.ts';

const TABLE = { schema: 'shop', table: 'users' };

function template(text: string): KeyTemplate {
  const parsed = parseTemplate(text, { constant: true });
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.template;
}

function rule(texts: readonly string[], more: Partial<TableRule> = {}): TableRule {
  return {
    kind: 'table',
    id: 'rules[0]',
    tables: { kind: 'exact', table: TABLE },
    on: new Set(ALL_EVENTS),
    keys: texts.map(template),
    keysFromSet: [],
    action: { kind: 'delete', guard: { kind: 'none' } },
    ...more,
  };
}

function planOf(...rules: readonly Rule[]): { readonly plan: MappingPlan; readonly interest: TableInterest } {
  const plan = compilePlan(rules);
  const interest = plan.interests.of(TABLE.schema, TABLE.table);
  if (interest === undefined) throw new Error('no table');
  return { plan, interest };
}

/** What the plan does, as `delete user:7`. */
function mapped(plan: MappingPlan, change: RowChange): string[] {
  const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
  plan.map(change, out);
  return out.commands.map((one) =>
    one.kind === 'scope' ? `scope ${one.pattern}` : `${one.kind} ${one.key}`,
  );
}

const COMMANDS = { key: 'delete', set: 'set-keys', generation: 'generation', prefix: 'scope' } as const;

const status = (value: string): RuleCondition['image'] => [
  { column: 'status', tests: [{ op: 'eq', value }] },
];

describe('what becomes of a row', () => {
  const value = fc.constantFrom('active', 'closed', 7, null, undefined, new Uint8Array([1]));
  const condition: fc.Arbitrary<RuleCondition | undefined> = fc.constantFrom<RuleCondition | undefined>(
    undefined,
    { changed: ['id'] },
    { image: status('active') ?? [] },
    { old: status('active') ?? [], new: status('closed') ?? [] },
  );

  it('at an insert and a delete is what the plan does with them', () => {
    fc.assert(
      fc.property(value, value, condition, fc.subarray([...ALL_EVENTS]), (id, state, given, on) => {
        const { plan, interest } = planOf(
          rule(['user:{id}', 'tag:{status}'], {
            on: new Set(on),
            keysFromSet: [template('deps:{id}')],
            ...(given === undefined ? {} : { condition: given }),
          }),
        );
        const row: RowImage = interest.columns.map((name) => (name === 'id' ? id : state));
        const { table } = interest;
        const explained = explainRow(plan, interest, row);
        for (const op of ['insert', 'delete'] as const) {
          const told = explained.flatMap(({ role, outcomes }) =>
            outcomes
              .filter((outcome) => outcome.op === op)
              .flatMap(({ keys, scope }) => [
                ...keys.map((key) => `${COMMANDS[role]} ${key}`),
                ...(scope === undefined ? [] : [`scope ${scope}`]),
              ]),
          );
          const change: RowChange = op === 'insert' ? { op, table, after: row } : { op, table, before: row };
          expect(told).toEqual(mapped(plan, change));
        }
      }),
    );
  });

  it('at an update depends on what is not known of the new row', () => {
    const { plan, interest } = planOf(
      rule(['user:{id}'], { condition: { changed: ['id', 'status'], image: status('active') ?? [] } }),
    );
    const updateOf = (state: string): unknown =>
      explainRow(
        plan,
        interest,
        interest.columns.map((name) => (name === 'id' ? 7 : state)),
      )[0]?.outcomes[1];
    expect(updateOf('active')).toMatchObject({
      op: 'update',
      keys: ['user:7'],
      provided: ['it changes one of id, status'],
    });
    expect(updateOf('closed')).toMatchObject({
      keys: ['user:7'],
      provided: ['it changes one of id, status', 'the new row satisfies where'],
    });
  });

  it('is for each operation of a rule, in their order', () => {
    const { plan, interest } = planOf(
      rule(['user:{id}']),
      rule([], { id: 'rules[1]', generation: template('gen:{id}') }),
    );
    const explained = explainRow(plan, interest, [7]);
    expect(explained.map(({ role, template: text }) => [role, text])).toEqual([
      ['key', 'user:{id}'],
      ['generation', 'gen:{id}'],
    ]);
    expect(explained.map(({ outcomes }) => outcomes.map(({ op }) => op))).toEqual([
      ALL_OPERATIONS,
      ALL_OPERATIONS,
    ]);
  });

  it('in an outbox is what the row names, as the plan has it', () => {
    const { plan, interest } = planOf({
      kind: 'outbox',
      guard: { kind: 'none' },
      id: 'rules[0]',
      table: TABLE,
      keyColumn: 'k',
      prefixColumn: 'p',
      generationColumn: 'g',
      prefixes: [],
    });
    const text = fc.constantFrom('page:1', 'list:*', '', null);
    fc.assert(
      fc.property(text, text, text, (...row) => {
        const { table } = interest;
        const changes: readonly RowChange[] = [
          { op: 'insert', table, after: row },
          { op: 'update', table, before: row, after: row },
          { op: 'delete', table, before: row },
        ];
        const explained = explainRow(plan, interest, row);
        for (const [index, change] of changes.entries()) {
          const told = explained.flatMap(({ role, outcomes }) =>
            [outcomes[index]].flatMap((outcome) => [
              ...(outcome?.keys ?? []).map((key) => `${COMMANDS[role]} ${key}`),
              ...(outcome?.scope === undefined ? [] : [`scope ${outcome.scope}`]),
            ]),
          );
          expect(told).toEqual(mapped(plan, change));
        }
      }),
    );
  });
});
