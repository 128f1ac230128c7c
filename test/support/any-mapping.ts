import * as fc from 'fast-check';
import type { ColumnValue } from '../../src/change/row-change.ts';
import type { SeenChange, SeenRow } from './simulated-cache.ts';
import type { ReferenceChange, ReferenceRule, Row, Test, Where } from './reference-mapping.ts';

const COLUMNS = ['id', 'a', 'b', 'odd name'] as const;
/** Two tables have the same name, and one holds a character that globs take as special. */
const TABLES = [
  { schema: 'shop', table: 'users' },
  { schema: 'shop', table: 'orders' },
  { schema: 'shop_2', table: 'users' },
  { schema: 'shop_2', table: 'x[1]' },
] as const;

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
  // Beside keys a counter must not depend on NULL, which the configuration sees to.
  fc.record({
    keys: fc.tuple(templateText),
    generation: fc.constantFrom('gen:all', 'gen:{table|upper}', 'gen:{a|default:none}'),
  }),
);
const lookupNamed = fc.record(
  {
    lookup: someColumns,
    keys: fc.constantFrom(['k:{lookup.child}'], ['k:{lookup.child}', 'l:{lookup.child|lower}']),
    generation: fc.constantFrom('gen:all', 'gen:{schema}'),
  },
  { requiredKeys: ['lookup', 'keys'] },
);
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

export const anyRules = rulesOf(
  fc
    .tuple(fc.oneof({ weight: 4, arbitrary: named }, lookupNamed), restrictions)
    .map(([one, other]) => ({ ...one, ...other })),
);
const row = fc.record({ id: columnValue, a: columnValue, b: columnValue, 'odd name': columnValue });

/** Rules that want every change of a row they cache for, so that nothing may be left of it. */
export const unrestrictedRules = rulesOf(
  fc
    .tuple(
      fc.oneof({ weight: 3, arbitrary: named }, lookupNamed),
      fc.record(
        { where: fc.record({ image: where }), maxKeys: fc.integer({ min: 1, max: 4 }) },
        { requiredKeys: [] },
      ),
    )
    .map(([one, other]) => ({ ...one, ...other })),
);

const images = fc.oneof(
  fc.record({ after: row }),
  fc.record({ before: row }),
  fc.record({ before: row, after: row }),
  // Most updates change little.
  fc
    .tuple(row, fc.constantFrom(...COLUMNS), columnValue)
    .map(([before, column, value]) => ({ before, after: { ...before, [column]: value } })),
);
export const anyChange: fc.Arbitrary<ReferenceChange> = fc
  .tuple(fc.constantFrom(...TABLES), images)
  .map(([table, rows]) => ({ ...table, ...rows }));

const storedValue = columnValue.map((value) => (value === undefined ? null : value));
const storedRow = fc.record({ id: storedValue, a: storedValue, b: storedValue, 'odd name': storedValue });
/** Columns that an image lacks; most images are full. */
const absentColumns = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  fc.subarray([...COLUMNS], { maxLength: 2 }),
);

interface Step {
  readonly table: (typeof TABLES)[number];
  readonly op: 'insert' | 'update' | 'delete';
  /** Which of the table's rows, counted around. */
  readonly which: number;
  readonly values: Row;
  /** Columns that an update leaves as they are. */
  readonly kept: readonly string[];
  readonly absent: readonly (readonly string[])[];
  readonly commits: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  table: fc.constantFrom(...TABLES),
  op: fc.constantFrom('insert', 'update', 'update', 'delete'),
  which: fc.nat(2),
  values: storedRow,
  kept: fc.subarray([...COLUMNS]),
  absent: fc.tuple(absentColumns, absentColumns),
  commits: fc.boolean(),
});

/** Transactions that follow one another, on tables that are empty at first. */
export const anyHistory = fc.array(step, { minLength: 1, maxLength: 12 }).map(transactionsOf);

function transactionsOf(steps: readonly Step[]): SeenChange[][] {
  const stored = new Map<string, Row[]>();
  const transactions: SeenChange[][] = [[]];
  for (const { table, op, which, values, kept, absent, commits } of steps) {
    const name = `${table.schema}.${table.table}`;
    const rows = stored.get(name) ?? [];
    stored.set(name, rows);
    const [old] = op === 'insert' ? [] : rows.splice(which % Math.max(1, rows.length), 1);
    const same = old === undefined ? {} : Object.fromEntries(kept.map((column) => [column, old[column]]));
    const current = op === 'delete' ? undefined : { ...values, ...same };
    if (current !== undefined) rows.push(current);
    transactions.at(-1)?.push({
      ...table,
      ...(old === undefined ? {} : { before: seenRow(old, absent[0]) }),
      ...(current === undefined ? {} : { after: seenRow(current, absent[1]) }),
    });
    if (commits) transactions.push([]);
  }
  return transactions.map((changes) => changes.filter(({ before, after }) => before ?? after));
}

function seenRow(row: Row, absent: readonly string[] = []): SeenRow {
  return {
    row,
    image: Object.fromEntries(Object.entries(row).filter(([column]) => !absent.includes(column))),
  };
}
