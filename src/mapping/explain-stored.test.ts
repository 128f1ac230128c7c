import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowChange, RowImage } from '../change/row-change.ts';
import { explain } from './explain.ts';
import type { TemplateExplanation } from './explain.ts';
import { compilePlan } from './plan.ts';
import type { MappingOutput } from './plan.ts';
import { ALL_EVENTS } from './rule.ts';
import type { RuleAction, TableRule } from './rule.ts';
import { parseTemplate } from './template.ts';

const TABLE = { schema: 'shop', table: 'products' };

function ruleWith(more: Partial<Extract<RuleAction, { kind: 'update' }>> = {}): TableRule {
  const parsed = parseTemplate('product:{id}', { constant: true });
  if (!parsed.ok) throw new Error(parsed.problem);
  return {
    kind: 'table',
    id: 'rules[0]',
    tables: { kind: 'exact', table: TABLE },
    on: new Set(ALL_EVENTS),
    keys: [parsed.template],
    keysFromSet: [],
    condition: { image: [{ column: 'status', tests: [{ op: 'eq', value: 'active' }] }] },
    action: {
      kind: 'update',
      value: {
        form: 'json',
        fields: [
          { column: 'name', name: 'name', format: 'auto' },
          { column: 'price', name: 'cost', format: 'number' },
        ],
      },
      version: { kind: 'column', column: 'v' },
      ttl: 600_000,
      ttlJitter: 0.1,
      create: false,
      replicaHold: 0,
      ...more,
    },
  };
}

const ROW = { id: 7, name: 'Lamp', price: '12.50', status: 'active', v: '42' };
type Row = Readonly<Record<string, string | number | null | undefined>>;

/** What the rule makes of a change, as `explain` says it and as the plan does it. */
function outcomesOf(
  rule: TableRule,
  { before, after }: { readonly before?: Row; readonly after?: Row },
): { readonly explained: TemplateExplanation; readonly done: readonly string[] } {
  const plan = compilePlan([rule]);
  const interest = plan.interests.of(TABLE.schema, TABLE.table);
  if (interest === undefined) throw new Error('no table');
  const { table, columns } = interest;
  const image = (row: Row): RowImage => columns.map((column) => row[column]);
  const change: RowChange =
    before === undefined
      ? { op: 'insert', table, after: image(after ?? {}) }
      : after === undefined
        ? { op: 'delete', table, before: image(before) }
        : { op: 'update', table, before: image(before), after: image(after) };
  const place = { epoch: 1, file: 'binlog.000007', offset: 4, ordinal: 0 };
  const out: MappingOutput = {
    commands: [],
    lookups: [],
    nullKeys: 0,
    keysOfTransaction: new Map(),
    place,
  };
  plan.map(change, out);
  const [explained] = explain(plan, change);
  if (explained === undefined) throw new Error('not explained');
  return {
    explained,
    done: out.commands.map((one) => (one.kind === 'scope' ? 'scope' : `${one.kind} ${one.key}`)),
  };
}

describe('what a rule stores', () => {
  it('is the value of the new row, with its version and for how long', () => {
    const { explained } = outcomesOf(ruleWith(), { before: ROW, after: { ...ROW, price: '9', v: '43' } });
    expect(explained).toMatchObject({
      keys: [],
      removals: [],
      stored: [
        {
          key: 'product:7',
          form: 'json',
          value: '{"name":"Lamp","cost":9}',
          version: '43',
          ttlMs: 600_000,
          ttlJitter: 0.1,
          create: false,
        },
      ],
    });
  });

  it('has the fields of a hash, and says that the binlog orders it', () => {
    const fields = [
      { column: 'name', name: 'name', format: 'auto' },
      { column: 'price', name: 'price', format: 'auto' },
    ] as const;
    const rule = ruleWith({ value: { form: 'hash', fields }, version: { kind: 'binlog' } });
    expect(outcomesOf(rule, { after: { ...ROW, price: null } }).explained.stored).toMatchObject([
      { form: 'hash', value: { name: 'Lamp' }, version: 'binlog' },
    ]);
  });

  it.each<[string, { readonly before?: Row; readonly after?: Row }, string]>([
    ['of a row that is gone', { before: ROW }, 'the row is gone'],
    ['of a row without a version', { after: { ...ROW, v: null } }, 'v is NULL'],
    ['of a row whose version is none', { after: { ...ROW, v: 'new' } }, 'v is no version'],
    [
      'of a row that leaves the condition',
      { before: ROW, after: { ...ROW, status: 'closed' } },
      'status is "closed", not active',
    ],
    [
      'of a row that may have left the condition',
      { before: ROW, after: { ...ROW, status: undefined } },
      'it is not certain that the new row satisfies where',
    ],
    [
      'of a row of which the binlog lacks a column',
      { before: ROW, after: { ...ROW, price: undefined } },
      'price is absent from the new image',
    ],
    [
      'of a row with a value of another kind',
      { after: { ...ROW, price: 'ten' } },
      'price has no form as number',
    ],
  ])('is nothing %s, and the key goes', (_, change, because) => {
    expect(outcomesOf(ruleWith(), change).explained).toMatchObject({
      keys: ['product:7'],
      stored: [],
      removals: [{ key: 'product:7', because }],
    });
  });

  it('leaves out the key that a row had', () => {
    expect(outcomesOf(ruleWith(), { before: ROW, after: { ...ROW, id: 8 } }).explained).toMatchObject({
      removals: [{ key: 'product:7', because: 'the row has another key now, or none' }],
      stored: [{ key: 'product:8' }],
    });
  });

  it('and what it removes is what the plan does', () => {
    const row = fc.record({
      id: fc.constantFrom<Row[string]>(7, 8, null, undefined),
      name: fc.constantFrom<Row[string]>('Lamp', null, undefined),
      price: fc.constantFrom<Row[string]>('12.50', 'ten', null, undefined),
      status: fc.constantFrom<Row[string]>('active', 'closed', undefined),
      v: fc.constantFrom<Row[string]>('42', -1, null, undefined),
    });
    const version = fc.constantFrom<Partial<Extract<RuleAction, { kind: 'update' }>>>(
      {},
      { version: { kind: 'binlog' } },
    );
    fc.assert(
      fc.property(version, fc.option(row), fc.option(row), (more, before, after) => {
        const given = { ...(before && { before }), ...(after && { after }) };
        if (before === null && after === null) return;
        const { explained, done } = outcomesOf(ruleWith(more), given);
        const { scope, removals = [], stored = [] } = explained;
        expect([
          ...(scope === undefined ? [] : ['scope']),
          ...removals.map(({ key }) => `delete ${key}`),
          ...stored.map(({ key }) => `update ${key}`),
        ]).toEqual([...done]);
      }),
    );
  });
});
