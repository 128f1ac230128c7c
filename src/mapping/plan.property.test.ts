import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import type { ColumnValue, RowImage } from '../change/row-change.ts';
import {
  isOn,
  mayHold,
  referenceCommands,
  referenceKey,
  spell,
} from '../../test/support/reference-mapping.ts';
import type {
  ReferenceChange,
  ReferenceRule,
  Row,
  Test,
  Where,
} from '../../test/support/reference-mapping.ts';
import type { Comparison } from './condition-comparison.ts';
import type { ImageCondition, RuleCondition } from './condition.ts';
import { compilePlan } from './plan.ts';
import type { MappingOutput, MappingPlan } from './plan.ts';
import { ALL_EVENTS } from './rule.ts';
import type { TableRule } from './rule.ts';
import { globSource } from './table-selector.ts';
import type { TableSelector } from './table-selector.ts';
import { parseTemplate } from './template.ts';
import type { KeyTemplate } from './template.ts';

const RUNS = 1000;
const COLUMNS = ['id', 'a', 'b', 'odd name'] as const;
/** Two tables have the same name, and one holds a character that globs take as special. */
const TABLES = [
  { schema: 'shop', table: 'users' },
  { schema: 'shop', table: 'orders' },
  { schema: 'shop_2', table: 'users' },
  { schema: 'shop_2', table: 'x[1]' },
] as const;

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

/** As the configuration gives it. Results of lookups have one column, `child`. */
function tableRule(rule: ReferenceRule): TableRule {
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
    action: 'delete',
  };
}

const MAX_ROWS = 2;

function mapped(plan: MappingPlan, changes: readonly ReferenceChange[]): MappingOutput {
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

function lineOf(command: CacheCommand): string {
  return command.kind === 'scope'
    ? `scope${command.members ? ' of sets' : ''} ${command.pattern}`
    : `${command.kind} ${command.key}`;
}

function lines(plan: MappingPlan, { commands, lookups }: MappingOutput): Set<string> {
  const asked = lookups.map(
    ({ lookup, parameters }) => `lookup ${plan.lookups[lookup]?.rule} ${parameters.map(spell).join(', ')}`,
  );
  return new Set([...commands.map(lineOf), ...asked]);
}

const columnValue: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 10) },
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'A', 'b ', ' a', '1', '01', '', ':', '*', 'é', '9007199254740993'),
  },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(1.5, Uint8Array.of(1), Uint8Array.of(2)) },
);
const someColumns = fc.subarray([...COLUMNS], { minLength: 1, maxLength: 2 });
const filters = fc.constantFrom(
  '',
  '',
  '',
  '|lower',
  '|upper',
  '|trim',
  '|pad:3',
  '|default:-',
  '|urlencode',
  '|trim|default:',
);
const reference = fc.tuple(fc.constantFrom(...COLUMNS), filters).map(([name, rest]) => {
  return name === 'odd name' ? `{\`${name}\`${rest}}` : `{${name}${rest}}`;
});
const separator = fc.constantFrom(':', '-', '{{', '}}', '[x]*', '\\', '/:');
/** What stands in front of the first value: a name of the table must not be the first, for then no prefix is certain. */
const beginning = fc.constantFrom('k:', 'k:', 'user:', 'a*', 'k:{schema}:', 'k:{table}/', 'k:{table|upper}:');
const templateText = fc
  .tuple(
    beginning,
    fc.array(fc.tuple(reference, separator), { maxLength: 1 }),
    reference,
    fc.constantFrom('', ':z', '}}'),
  )
  .map(([start, middle, last, end]) => start + middle.flat().join('') + last + end);
const generationText = fc.oneof(
  fc.constantFrom('gen:all', 'gen:{schema}', 'gen:{table|upper}'),
  templateText,
);

const constant = fc.constantFrom('a', 'A', '1', '0', '01', 'b', '2');
const test: fc.Arbitrary<Test> = fc.oneof(
  constant.map((is) => ({ is })),
  fc.array(constant, { minLength: 1, maxLength: 2 }).map((list) => ({ in: list })),
  fc.array(constant, { minLength: 1, maxLength: 2 }).map((not) => ({ not })),
  fc.constantFrom<Test>('null', 'not null', { gte: '1', lt: '10' }),
);
const where = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...COLUMNS), test), {
    minLength: 1,
    maxLength: 2,
    selector: ([column]) => column,
  })
  .map((tests): Where => Object.fromEntries(tests));
const tableName = fc.constantFrom(
  'shop.users',
  'shop.orders',
  'shop_2.users',
  '*.users',
  'shop*.*',
  'shop_2.x*',
);

/** The keys that a rule names, and what stands for them. */
const named = fc.oneof(
  { weight: 4, arbitrary: fc.record({ keys: fc.uniqueArray(templateText, { minLength: 1, maxLength: 3 }) }) },
  fc.record({ sets: fc.uniqueArray(templateText, { minLength: 1, maxLength: 2 }) }),
  fc.record({ keys: fc.tuple(templateText), sets: fc.tuple(templateText) }),
  fc.record({ generation: generationText }),
  fc.record({ keys: fc.tuple(templateText), generation: generationText }),
);
const lookupNamed = fc.record({
  lookup: someColumns,
  keys: fc.constantFrom(['k:{lookup.child}'], ['k:{lookup.child}', 'l:{lookup.child|lower}']),
});
const restrictions = fc.record(
  {
    on: fc.constantFrom<ReferenceRule['on'] & {}>(['insert'], ['update', 'delete'], ['delete']),
    changed: someColumns,
    where: fc.oneof(
      fc.record({ image: where }),
      fc.record({ old: where }),
      fc.record({ new: where }),
      fc.record({ old: where, new: where }),
    ),
    maxKeys: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);

function rulesOf(one: fc.Arbitrary<object>): fc.Arbitrary<ReferenceRule[]> {
  return fc
    .array(fc.tuple(tableName, one), { minLength: 1, maxLength: 4 })
    .map((rules) => rules.map(([table, rest], index) => ({ id: `rules[${index}]`, table, ...rest })));
}

const anyRules = rulesOf(
  fc
    .tuple(fc.oneof({ weight: 4, arbitrary: named }, lookupNamed), restrictions)
    .map(([one, other]) => ({ ...one, ...other })),
);
const row = fc.record({ id: columnValue, a: columnValue, b: columnValue, 'odd name': columnValue });
const images = fc.oneof(
  fc.record({ after: row }),
  fc.record({ before: row }),
  fc.record({ before: row, after: row }),
  // Most updates change little.
  fc
    .tuple(row, fc.constantFrom(...COLUMNS), columnValue)
    .map(([before, column, value]) => ({ before, after: { ...before, [column]: value } })),
);
const change: fc.Arbitrary<ReferenceChange> = fc
  .tuple(fc.constantFrom(...TABLES), images)
  .map(([table, rows]) => ({ ...table, ...rows }));

describe('for any rules and any changes', () => {
  it('the commands are those of the obvious evaluation', () => {
    fc.assert(
      fc.property(anyRules, fc.array(change, { minLength: 1, maxLength: 6 }), (rules, transaction) => {
        const plan = compilePlan(rules.map(tableRule));
        const given = lines(plan, mapped(plan, transaction));
        const wanted = referenceCommands(rules, transaction);
        expect({
          missing: [...wanted].filter((line) => !given.has(line)),
          surplus: [...given].filter((line) => !wanted.has(line)),
        }).toEqual({ missing: [], surplus: [] });
      }),
      { numRuns: RUNS },
    );
  });

  it('one plan gives the same for a change whatever it mapped before', () => {
    fc.assert(
      fc.property(anyRules, fc.array(change, { minLength: 2, maxLength: 6 }), (rules, transaction) => {
        const unlimited = rules.map(({ maxKeys: _, ...rule }) => rule);
        const plan = compilePlan(unlimited.map(tableRule));
        const together = mapped(plan, transaction).commands;
        const apart = transaction.flatMap(
          (one) => mapped(compilePlan(unlimited.map(tableRule)), [one]).commands,
        );
        expect(together).toEqual(apart);
      }),
    );
  });
});
