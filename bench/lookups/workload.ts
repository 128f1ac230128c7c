import { setTimeout as delay } from 'node:timers/promises';

import type { TestDatabase } from '../../test/support/database.ts';

export const LOADS = ['hot parents', 'distinct parents'] as const;
export type LoadName = (typeof LOADS)[number];

export interface Load {
  readonly name: LoadName;
  /** Items, each of a parent of its own; a parent has PRODUCTS_EACH products. */
  readonly parents: number;
  /** Changed rows in a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** What was written. */
export interface Written {
  readonly changes: number;
  readonly seconds: number;
  readonly parents: ReadonlySet<number>;
}

export const PRODUCTS_EACH = 3;
/** Rows that one transaction changes. */
const ROWS_EACH = 5;
const CONNECTIONS = 4;

/** An item and its parent have the same number, so that an update of items says which parents are looked up. */
export async function createTables(db: TestDatabase, parents: number): Promise<void> {
  await db.query('CREATE TABLE items (id INT PRIMARY KEY, parent INT NOT NULL, a INT NOT NULL DEFAULT 0)');
  await db.query('CREATE TABLE products (id INT PRIMARY KEY, parent INT NOT NULL, KEY (parent))');
  for (let first = 1; first <= parents; first += 5_000) {
    const ids = Array.from({ length: Math.min(5_000, parents - first + 1) }, (_, no) => first + no);
    await db.query(`INSERT INTO items (id, parent) VALUES ${ids.map((id) => `(${id}, ${id})`).join()}`);
    await db.query(`INSERT INTO products VALUES ${ids.flatMap(productsOf).join()}`);
  }
}

/** The keys that a change of an item of this parent makes stale. */
export function keysOf(parent: number): string[] {
  return Array.from({ length: PRODUCTS_EACH }, (_, no) => `product:${(parent - 1) * PRODUCTS_EACH + no + 1}`);
}

function productsOf(parent: number): string[] {
  return keysOf(parent).map((key) => `(${key.slice('product:'.length)}, ${parent})`);
}

/** Writes at the load's rate; what cannot keep up is made up for as soon as a connection is free. */
export async function write(db: TestDatabase, load: Load): Promise<Written> {
  const next = load.name === 'hot parents' ? zipf(load.parents) : inTurn(load.parents);
  const total = (load.rate * load.seconds) / ROWS_EACH;
  const parents = new Set<number>();
  const startedAt = performance.now();
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < total) {
      const wait = startedAt + (begun * ROWS_EACH * 1000) / load.rate - performance.now();
      begun += 1;
      const ids = new Set<number>();
      while (ids.size < ROWS_EACH) ids.add(next());
      for (const id of ids) parents.add(id);
      if (wait > 0) await delay(wait);
      await db.query(`UPDATE items SET a = a + 1 WHERE id IN (${[...ids].join()})`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return { changes: total * ROWS_EACH, seconds: (performance.now() - startedAt) / 1000, parents };
}

/** Zipf's law with exponent 1, the same numbers in every round: the n-th number is n times as rare as the first. */
function zipf(count: number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 1; rank <= count; rank += 1) sums[rank - 1] = sum += 1 / rank;
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const wanted = (state / 2 ** 32) * sum;
    let low = 0;
    for (let high = count - 1; low < high;) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? sum) < wanted) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}

function inTurn(count: number): () => number {
  let last = 0;
  return () => {
    last = (last % count) + 1;
    return last;
  };
}
