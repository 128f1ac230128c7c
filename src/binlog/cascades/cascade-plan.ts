import type { ColumnValue, RowChange, RowImage } from '../../change/row-change.ts';
import { formatTable } from '../../change/table.ts';
import type { TableInterest, TableRef } from '../../change/table.ts';
import type { ForeignKeyCascade, ReferentialAction } from './foreign-key.ts';

/** What to decode so that cascades can be followed, and what a logged change brings about. Pure. */
export interface CascadePlan {
  /**
   * The mapped tables, each with its `table` object and its columns first, then columns that foreign keys refer
   * to; and behind them parents that are not mapped.
   */
  readonly interests: readonly TableInterest[];
  /**
   * Gives the changes of mapped tables that the server makes by cascade when it makes `change`. Their images hold
   * what follows from the parent's row; every other column is absent. `change.table` must be the table object of
   * one of `interests`; of its image a column that is absent may have changed.
   */
  expand(change: RowChange, emit: (change: RowChange) => void): void;
  /** The changes of mapped tables among `changes`, each followed by those that it brings about. */
  complete(changes: readonly RowChange[]): RowChange[];
}

interface Node {
  readonly table: TableRef;
  readonly mapped: boolean;
  readonly columns: string[];
  readonly children: Edge[];
}

interface Edge {
  readonly child: Node;
  readonly pairs: readonly Pair[];
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
}

/** Positions in the images; `to` is -1 where the child's image does not hold the column. */
interface Pair {
  readonly from: number;
  readonly to: number;
  readonly exact: boolean;
}

/** Compiles the cascades that can reach a mapped table; others are left out. */
export function compileCascades(
  cascades: readonly ForeignKeyCascade[],
  mapped: readonly TableInterest[],
): CascadePlan {
  const nodes = new Map<string, Node>();
  for (const { table, columns } of mapped) {
    nodes.set(formatTable(table), { table, mapped: true, columns: [...columns], children: [] });
  }
  const useful = reaching(cascades, nodes.keys());
  for (const { parent, columns } of useful) {
    const name = formatTable(parent);
    const node = nodes.get(name) ?? { table: parent, mapped: false, columns: [], children: [] };
    nodes.set(name, node);
    for (const column of columns) if (indexOf(node, column.parent) < 0) node.columns.push(column.parent);
  }
  for (const { parent, child, columns, onDelete, onUpdate } of useful) {
    const from = nodes.get(formatTable(parent));
    const to = nodes.get(formatTable(child));
    if (from === undefined || to === undefined) continue;
    const pairs = columns.map((column) => ({
      from: indexOf(from, column.parent),
      to: indexOf(to, column.child),
      exact: column.exact,
    }));
    from.children.push({ child: to, pairs, onDelete, onUpdate });
  }
  const byTable = new Map([...nodes.values()].map((node) => [node.table, node]));
  const expand: CascadePlan['expand'] = (change, emit) => {
    const node = byTable.get(change.table);
    if (node !== undefined && node.children.length > 0) cascade(node, change, emit);
  };
  return {
    interests: [...nodes.values()].map(({ table, columns }) => ({ table, columns })),
    expand,
    complete: (changes) => {
      const all: RowChange[] = [];
      for (const change of changes) {
        if (byTable.get(change.table)?.mapped !== false) all.push(change);
        expand(change, (brought) => all.push(brought));
      }
      return all;
    },
  };
}

/** Those from which a chain of cascades leads to one of the tables. */
function reaching(
  cascades: readonly ForeignKeyCascade[],
  tables: Iterable<string>,
): readonly ForeignKeyCascade[] {
  const reached = new Set(tables);
  for (let size = -1; size !== reached.size;) {
    size = reached.size;
    for (const { parent, child } of cascades) {
      if (reached.has(formatTable(child))) reached.add(formatTable(parent));
    }
  }
  return cascades.filter(({ child }) => reached.has(formatTable(child)));
}

/** Column names are case-insensitive in MySQL. */
function indexOf(node: Node, column: string): number {
  const name = column.toLowerCase();
  return node.columns.findIndex((candidate) => candidate.toLowerCase() === name);
}

/** A change on its way down, and which columns it may have changed if it is an update. */
interface Step {
  readonly node: Node;
  readonly change: RowChange;
  readonly mayChange: (column: number) => boolean;
}

/**
 * Walks down from a logged change. Nothing is visited twice, so cycles end: values only move between columns, and
 * there are finitely many of them.
 */
function cascade(node: Node, root: RowChange, emit: (change: RowChange) => void): void {
  const mayChange = (column: number): boolean =>
    root.op === 'update' && differs(root.before[column], root.after[column]);
  const open: Step[] = [{ node, change: root, mayChange }];
  const seen = new Set<string>();
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    for (const edge of step.node.children) {
      const change = broughtBy(edge, step);
      if (change === undefined) continue;
      const { child, pairs } = edge;
      const touched = new Set(pairs.map((pair) => pair.to));
      if (child.children.length > 0) {
        const name = identify(change, touched);
        if (seen.has(name)) continue;
        seen.add(name);
        open.push({ node: child, change, mayChange: (column) => touched.has(column) });
      }
      if (child.mapped) emit(change);
    }
  }
}

/** What becomes of the child's rows; undefined if none can be concerned. */
function broughtBy(edge: Edge, { change, mayChange }: Step): RowChange | undefined {
  if (change.op === 'insert') return undefined;
  const { child, pairs, onDelete, onUpdate } = edge;
  const { table } = child;
  const action = change.op === 'delete' ? onDelete : onUpdate;
  if (action === 'none') return undefined;
  if (change.op === 'update' && !pairs.some((pair) => mayChange(pair.from))) return undefined;
  // No child refers to NULL.
  if (pairs.some((pair) => change.before[pair.from] === null)) return undefined;
  const before = imageOf(edge, (pair) => change.before[pair.from]);
  if (change.op === 'delete' && action === 'cascade') return { op: 'delete', table, before };
  const after = imageOf(edge, (pair) => {
    if (action === 'set-null') return null;
    return change.op === 'update' && action === 'cascade' ? change.after[pair.from] : undefined;
  });
  return { op: 'update', table, before, after };
}

function imageOf({ child, pairs }: Edge, valueOf: (pair: Pair) => ColumnValue): RowImage {
  const image: ColumnValue[] = child.columns.map(() => undefined);
  for (const pair of pairs) {
    const value = valueOf(pair);
    if (pair.to >= 0 && (pair.exact || value === null)) image[pair.to] = value;
  }
  return image;
}

/** Whether an update changed a column; one that neither image holds may have. */
function differs(before: ColumnValue, after: ColumnValue): boolean {
  if (after === undefined) return before === undefined;
  if (before instanceof Uint8Array && after instanceof Uint8Array) return Buffer.compare(before, after) !== 0;
  return before !== after;
}

function identify(change: RowChange, touched: ReadonlySet<number>): string {
  const spell = (value: ColumnValue): unknown => (value === undefined ? [] : value);
  const images = [
    'before' in change ? change.before.map(spell) : [],
    'after' in change ? change.after.map(spell) : [],
  ];
  return JSON.stringify([formatTable(change.table), change.op, images, [...touched]]);
}
