import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValue, RowChange, RowImage } from '../../change/row-change.ts';
import type { TableInterest, TableRef } from '../../change/table.ts';
import { compileCascades } from './cascade-plan.ts';
import type { CascadePlan } from './cascade-plan.ts';
import type { ForeignKeyCascade, ReferentialAction } from './foreign-key.ts';

const ref = (table: string): TableRef => ({ schema: 'shop', table });
const orders: TableInterest = { table: ref('orders'), columns: ['number'] };
const items: TableInterest = { table: ref('items'), columns: ['id', 'order_id'] };

const foreignKey = (
  child: string,
  column: string,
  parent: string,
  actions: Partial<Pick<ForeignKeyCascade, 'onDelete' | 'onUpdate'>>,
  exact = true,
): ForeignKeyCascade => ({
  constraint: `${child}_${column}`,
  child: ref(child),
  parent: ref(parent),
  columns: [{ parent: 'id', child: column, exact }],
  onDelete: 'none',
  onUpdate: 'none',
  ...actions,
});

function expanded(plan: CascadePlan, change: RowChange): RowChange[] {
  const changes: RowChange[] = [];
  plan.expand(change, (brought) => changes.push(brought));
  return changes;
}

const tableOf = (plan: CascadePlan, name: string): TableRef => {
  const interest = plan.interests.find(({ table }) => table.table === name);
  if (interest === undefined) throw new Error(`${name} is not decoded`);
  return interest.table;
};

describe('a plan of cascades', () => {
  it('decodes what foreign keys refer to, behind the columns of the rules', () => {
    const plan = compileCascades(
      [foreignKey('items', 'order_id', 'orders', { onDelete: 'cascade' })],
      [orders, items],
    );
    expect(plan.interests).toEqual([{ table: orders.table, columns: ['number', 'id'] }, items]);
    expect(plan.interests[0]?.table).toBe(orders.table);
  });

  it('decodes parents that are not mapped, and leaves out cascades that reach nothing mapped', () => {
    const plan = compileCascades(
      [
        foreignKey('items', 'order_id', 'orders', { onDelete: 'cascade' }),
        foreignKey('orders', 'customer_id', 'customers', { onDelete: 'cascade' }),
        foreignKey('notes', 'order_id', 'orders', { onDelete: 'cascade' }),
      ],
      [items],
    );
    expect(plan.interests.map(({ table, columns }) => [table.table, columns])).toEqual([
      ['items', ['id', 'order_id']],
      ['orders', ['id']],
      ['customers', ['id']],
    ]);
    const deletion: RowChange = { op: 'delete', table: tableOf(plan, 'orders'), before: [7] };
    expect(plan.complete([deletion])).toEqual([{ op: 'delete', table: items.table, before: [undefined, 7] }]);
    // The order's id does not follow from the customer.
    expect(expanded(plan, { op: 'delete', table: tableOf(plan, 'customers'), before: [1] })).toEqual([
      { op: 'delete', table: items.table, before: [undefined, undefined] },
    ]);
  });

  it.each([
    ['cascade', [undefined, 8]],
    ['set-null', [undefined, null]],
    ['set-default', [undefined, undefined]],
  ] as const)('knows what ON UPDATE %s leaves in the child', (onUpdate, after) => {
    const plan = compileCascades([foreignKey('items', 'order_id', 'orders', { onUpdate })], [orders, items]);
    const change = (before: RowImage, image: RowImage): RowChange[] =>
      expanded(plan, { op: 'update', table: orders.table, before, after: image });
    expect(change(['n', 7], ['n', 8])).toEqual([
      { op: 'update', table: items.table, before: [undefined, 7], after },
    ]);
    expect(change(['n', 7], ['m', 7])).toEqual([]);
    expect(change(['n', 7], ['m', undefined])).toEqual([]);
    expect(change(['n', undefined], ['m', undefined])).toHaveLength(1);
    expect(change(['n', null], ['n', 8])).toEqual([]);
  });

  it('leaves a value open that the child may spell in another way', () => {
    const plan = compileCascades(
      [foreignKey('items', 'order_id', 'orders', { onDelete: 'cascade' }, false)],
      [items],
    );
    expect(expanded(plan, { op: 'delete', table: tableOf(plan, 'orders'), before: ['Ann'] })).toEqual([
      { op: 'delete', table: items.table, before: [undefined, undefined] },
    ]);
  });

  it('comes to an end where a table refers to itself', () => {
    const tree: TableInterest = { table: ref('tree'), columns: ['parent_id'] };
    const plan = compileCascades([foreignKey('tree', 'parent_id', 'tree', { onDelete: 'cascade' })], [tree]);
    expect(expanded(plan, { op: 'delete', table: tree.table, before: [null, 5] })).toEqual([
      { op: 'delete', table: tree.table, before: [5, undefined] },
      { op: 'delete', table: tree.table, before: [undefined, undefined] },
    ]);
  });

  it('brings nothing about by an insert or where no foreign key starts', () => {
    const plan = compileCascades(
      [foreignKey('items', 'order_id', 'orders', { onDelete: 'cascade' })],
      [orders, items],
    );
    const insert: RowChange = { op: 'insert', table: orders.table, after: ['n', 7] };
    const deletion: RowChange = { op: 'delete', table: items.table, before: [1, 7] };
    expect(plan.complete([insert, deletion])).toEqual([insert, deletion]);
  });
});

/** Tables of three columns, `id`, `a` and `b`; foreign keys refer to any column. */
const COLUMNS = ['id', 'a', 'b'];
const TABLES = ['t0', 't1', 't2'];

interface Row {
  readonly table: string;
  values: ColumnValue[];
}

interface Happened {
  readonly table: string;
  readonly op: 'update' | 'delete';
  readonly before: readonly ColumnValue[];
  readonly after: readonly ColumnValue[] | undefined;
}

/** A server's cascades, row by row. A row changes once, which ends cycles. */
function happen(
  rows: readonly Row[],
  keys: readonly ForeignKeyCascade[],
  row: Row,
  after: ColumnValue[] | undefined,
): Happened[] {
  const happened: Happened[] = [];
  const done = new Set<Row>();
  const change = (changed: Row, to: ColumnValue[] | undefined): void => {
    if (done.has(changed)) return;
    done.add(changed);
    const before = changed.values;
    happened.push({ table: changed.table, op: to === undefined ? 'delete' : 'update', before, after: to });
    for (const key of keys.filter(({ parent }) => parent.table === changed.table)) {
      const pairs = key.columns.map(
        (pair) => [COLUMNS.indexOf(pair.parent), COLUMNS.indexOf(pair.child)] as const,
      );
      const action = to === undefined ? key.onDelete : key.onUpdate;
      if (action === 'none' || (to !== undefined && pairs.every(([from]) => before[from] === to[from])))
        continue;
      const children = rows.filter(
        (child) =>
          child.table === key.child.table &&
          pairs.every(([from, at]) => before[from] !== null && child.values[at] === before[from]),
      );
      for (const child of children) {
        if (to === undefined && action === 'cascade') change(child, undefined);
        else {
          const next = [...child.values];
          for (const [from, at] of pairs) {
            next[at] = action === 'set-null' ? null : action === 'set-default' ? 0 : (to?.[from] ?? null);
          }
          change(child, next);
        }
      }
    }
  };
  change(row, after);
  return happened.slice(1);
}

const action = fc.constantFrom<ReferentialAction>('none', 'cascade', 'cascade', 'set-null', 'set-default');
const column = fc.constantFrom(...COLUMNS);
const value = fc.constantFrom(1, 1, 2, 2, 3, null);
const anyKey = fc
  .record({
    child: fc.constantFrom(...TABLES).map(ref),
    parent: fc.constantFrom(...TABLES).map(ref),
    columns: fc.uniqueArray(fc.record({ parent: column, child: column, exact: fc.boolean() }), {
      minLength: 1,
      maxLength: 2,
      selector: (pair) => pair.child,
    }),
    onDelete: action,
    onUpdate: action,
  })
  .map((key): ForeignKeyCascade => ({ constraint: 'k', ...key }));
const anyRow = fc.record({ table: fc.constantFrom(...TABLES), values: fc.tuple(value, value, value) });
const anyMapped = fc.array(
  fc.record({
    table: fc.constantFrom(...TABLES).map(ref),
    columns: fc.uniqueArray(column, { minLength: 1 }),
  }),
  { minLength: 1, maxLength: 4 },
);

describe('what a plan brings about', () => {
  it('covers every row that a server would change, whatever the foreign keys', () => {
    const scene = fc.record({
      keys: fc.array(anyKey, { minLength: 2, maxLength: 5 }),
      rows: fc.array(anyRow, { minLength: 6, maxLength: 12 }),
      mapped: anyMapped.map((all) =>
        all.filter(
          ({ table }, index) => all.findIndex((other) => other.table.table === table.table) === index,
        ),
      ),
      after: fc.option(fc.tuple(value, value, value), { nil: undefined }),
    });
    fc.assert(
      fc.property(scene, ({ keys, rows, mapped, after }) => {
        const [row] = rows;
        if (row === undefined) return;
        const plan = compileCascades(keys, mapped);
        const decoded = plan.interests.find(({ table }) => table.table === row.table);
        const happened = happen(rows, keys, row, after).filter(({ table }) =>
          mapped.some((interest) => interest.table.table === table),
        );
        const image = (values: readonly ColumnValue[], columns: readonly string[]): RowImage =>
          columns.map((name) => values[COLUMNS.indexOf(name)]);
        const changes: RowChange[] =
          decoded === undefined
            ? []
            : expanded(
                plan,
                after === undefined
                  ? { op: 'delete', table: decoded.table, before: image(row.values, decoded.columns) }
                  : {
                      op: 'update',
                      table: decoded.table,
                      before: image(row.values, decoded.columns),
                      after: image(after, decoded.columns),
                    },
              );
        for (const { table, op, before, after: to } of happened) {
          const columns = plan.interests.find((interest) => interest.table.table === table)?.columns ?? [];
          const fits = (values: RowImage | undefined, real: readonly ColumnValue[] | undefined): boolean =>
            real === undefined ||
            (values ?? []).every(
              (value, index) => value === undefined || value === image(real, columns)[index],
            );
          const covered = changes.some(
            (change) =>
              change.table.table === table &&
              change.op === op &&
              fits('before' in change ? change.before : undefined, before) &&
              fits('after' in change ? change.after : undefined, to),
          );
          expect(covered, `${op} of ${table} ${JSON.stringify([before, to])}`).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
