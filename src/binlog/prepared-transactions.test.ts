import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourcePosition } from '../change/position.ts';
import type { RowChange } from '../change/row-change.ts';
import { MAX_PREPARED_BYTES, PreparedTransactions } from './prepared-transactions.ts';
import type { PreparedTransaction } from './prepared-transactions.ts';

const users = { schema: 'shop', table: 'users' };
const position = (offset: number): SourcePosition => ({
  serverUuid: 'u',
  epoch: 0,
  file: 'f',
  offset,
  fileCreatedAt: 0,
});
const row = (id: number): RowChange => ({ op: 'insert', table: users, after: [id] });
const prepared = (offset: number, details: Partial<PreparedTransaction> = {}): PreparedTransaction => ({
  before: position(offset),
  preparedAt: 0,
  rows: [row(offset)],
  tables: [],
  hints: [],
  bytes: 10,
  ...details,
});

describe('prepared transactions', () => {
  it('hold the position before the oldest that has not ended, in whatever order they end', () => {
    const ends = fc.uniqueArray(fc.nat(9), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(ends, (order) => {
        const transactions = new PreparedTransactions();
        for (let n = 0; n < 10; n += 1) transactions.add(`${n}`, prepared(n));
        const open = new Set(order);
        for (const n of order) {
          expect(transactions.floor?.offset).toBe(Math.min(...open));
          expect(transactions.take(`${n}`)?.rows).toEqual([row(n)]);
          open.delete(n);
        }
        expect(transactions.floor).toBeUndefined();
      }),
    );
  });

  it('are not known before their PREPARE nor after their end', () => {
    const transactions = new PreparedTransactions();
    expect(transactions.take('a')).toBeUndefined();
    transactions.add('a', prepared(1));
    transactions.take('a');
    expect(transactions.take('a')).toBeUndefined();
  });

  it('keep of rows that are too many no more than their tables', () => {
    const transactions = new PreparedTransactions();
    transactions.add('a', prepared(1, { bytes: MAX_PREPARED_BYTES }));
    transactions.add('b', prepared(2, { bytes: 1 }));
    expect(transactions.take('b')).toMatchObject({ rows: [], tables: [users] });
    expect(transactions.take('a')).toMatchObject({ rows: [row(1)] });
    transactions.add('c', prepared(3, { bytes: MAX_PREPARED_BYTES }));
    expect(transactions.take('c')).toMatchObject({ rows: [row(3)] });
  });

  it('without mapped rows hold the position for a minute at most', () => {
    const transactions = new PreparedTransactions();
    transactions.add('unmapped', prepared(1, { rows: [], bytes: 0 }));
    transactions.add('mapped', prepared(2, { preparedAt: 30_000 }));
    expect(transactions.floor?.offset).toBe(1);
    transactions.add('later', prepared(3, { preparedAt: 61_000 }));
    expect(transactions.floor?.offset).toBe(2);
    transactions.add('much later', prepared(4, { preparedAt: 9_000_000 }));
    expect(transactions.floor?.offset).toBe(2);
  });

  it('keep the keys that comments name beyond the rows, as far as they fit', () => {
    const transactions = new PreparedTransactions();
    expect(transactions.add('a', prepared(1, { hints: ['k'], bytes: MAX_PREPARED_BYTES + 1 }))).toBe(true);
    expect(transactions.take('a')).toMatchObject({ rows: [], tables: [users], hints: ['k'] });
    const large = ['k'.repeat(MAX_PREPARED_BYTES + 1)];
    expect(transactions.add('a', prepared(1, { hints: large, bytes: MAX_PREPARED_BYTES * 2 }))).toBe(false);
    expect(transactions.take('a')).toMatchObject({ hints: [] });
  });

  it('with hints but no rows are not forgotten', () => {
    const transactions = new PreparedTransactions();
    transactions.add('hinted', prepared(1, { rows: [], hints: ['k'], bytes: 1 }));
    transactions.add('later', prepared(2, { preparedAt: 9_000_000 }));
    expect(transactions.take('hinted')).toMatchObject({ hints: ['k'] });
  });
});
