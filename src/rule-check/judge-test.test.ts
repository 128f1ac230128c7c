import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { compileComparison } from '../mapping/condition-comparison.ts';
import type { Comparison } from '../mapping/condition-comparison.ts';
import { judgeTest } from './judge-test.ts';
import { membersOf } from './judge-value.ts';

const LIMITS = { latestTimestamp: '2038-01-19 03:14:07' };

function column(columnType: string, nullable = true): ColumnFacts {
  const [dataType = ''] = /^[a-z]+/.exec(columnType) ?? [];
  return { name: 'c', dataType, columnType, nullable, inPrimaryKey: false };
}

function judge(columnType: string, test: Comparison): string | undefined {
  return judgeTest(column(columnType), test, LIMITS)?.holds;
}

const is = (value: string): Comparison => ({ op: 'eq', value });

describe('a condition that the type of its column decides', () => {
  it.each<[string, string, string | undefined]>([
    ['tinyint', '127', undefined],
    ['tinyint', '128', 'never'],
    ['tinyint unsigned', '255', undefined],
    ['tinyint unsigned', '-1', 'never'],
    ['tinyint(1)', 'true', undefined],
    ['int', '1.5', 'never'],
    ['int', '2e3', undefined],
    ['int', 'active', 'always'],
    ['bigint unsigned', '18446744073709551615', undefined],
    ['bigint unsigned', '18446744073709551616', 'never'],
    ['bigint', '-9223372036854775808', undefined],
    ['bigint', '-9223372036854775809', 'never'],
    ['year', '1900', 'never'],
    ['year', '2155', undefined],
    ['year', '0', undefined],
    ['decimal(5,2)', '999.99', undefined],
    ['decimal(5,2)', '1000', 'never'],
    ['decimal(5,2)', '1.005', 'never'],
    ['decimal(5,2)', '1.500', undefined],
    ['decimal(5,2)', 'active', 'never'],
    ["enum('active','it''s, closed')", 'active', undefined],
    ["enum('active','it''s, closed')", 'Active', undefined],
    ["enum('active','it''s, closed')", "it's, closed", undefined],
    ["enum('active','it''s, closed')", 'actve', 'never'],
    ["set('a','b','c')", 'a,c', undefined],
    ["set('a','b','c')", 'c,a', 'never'],
    ["set('a','b','c')", 'a,d', 'never'],
    ["set('a','b','c')", '', undefined],
    ['varchar(3)', 'abc', undefined],
    ['varchar(3)', 'abcd', 'never'],
    ['varchar(3)', 'abc  ', undefined],
    ['date', '2026-02-28', undefined],
    ['date', '2026-02-30', 'never'],
    ['date', '2024-02-29', undefined],
    ['date', '2026-02-28 00:00:00', undefined],
    ['date', '2026-02-28 00:00:01', 'never'],
    ['date', '20260228', 'always'],
    ['date', 'yesterday', 'never'],
    ['date', '12:00:00', 'always'],
    ['datetime', '2026-02-28 12:00:00.5', 'never'],
    ['datetime(3)', '2026-02-28 12:00:00.5', undefined],
    ['datetime(3)', '2026-02-28 12:00:00.5001', 'never'],
    ['timestamp', '2038-01-19 03:14:07', undefined],
    ['timestamp', '2038-01-19 03:14:08', 'never'],
    ['timestamp', '1969-12-31 00:00:00', 'never'],
    ['timestamp', '0000-00-00 00:00:00', undefined],
    ['time', '838:59:59', undefined],
    ['time', '839:00:00', 'never'],
    ['time', '12:00:00.5', 'never'],
    ['time(1)', '12:00:00.5', undefined],
  ])('%s = %s: %s', (type, value, expected) => {
    expect(judge(type, is(value))).toBe(expected);
  });

  it('knows what NOT NULL, lists and exclusions come to', () => {
    const required = column('int', false);
    expect(judgeTest(required, { op: 'null' }, LIMITS)?.holds).toBe('never');
    expect(judgeTest(required, { op: 'not-null' }, LIMITS)?.holds).toBe('always');
    expect(judgeTest(column('int'), { op: 'null' }, LIMITS)).toBeUndefined();
    const status = "enum('active','closed')";
    expect(judge(status, { op: 'in', values: ['active', 'trial'] })).toBe('partly');
    expect(judge(status, { op: 'in', values: ['trial', 'gone'] })).toBe('never');
    expect(judge(status, { op: 'not', values: ['trial'] })).toBe('always');
    expect(judge(status, { op: 'not', values: ['active', 'trial'] })).toBe('partly');
    expect(judgeTest(column(status), is('actve'), LIMITS)?.because).toContain(
      'of which active is the nearest',
    );
  });

  it('compares ranges with the range of the type', () => {
    expect(judge('tinyint', { op: 'range', gt: '127' })).toBe('never');
    expect(judge('tinyint', { op: 'range', gte: '127' })).toBeUndefined();
    expect(judge('int unsigned', { op: 'range', lt: '0' })).toBe('never');
    expect(judge('int unsigned', { op: 'range', lte: '0' })).toBeUndefined();
    expect(judge('int', { op: 'range', gt: '2026-01-01' })).toBe('always');
    expect(judge('date', { op: 'range', gt: '5' })).toBe('always');
    expect(judge('timestamp', { op: 'range', gt: '2040-01-01' })).toBe('never');
    expect(judge('timestamp', { op: 'range', lt: '1960-01-01' })).toBeUndefined();
    expect(judge('varchar(9)', { op: 'range', gt: '5' })).toBe('always');
  });

  const integers = fc.record({
    type: fc.constantFrom('tinyint', 'tinyint unsigned'),
    test: fc.oneof(
      fc
        .array(fc.integer({ min: -300, max: 300 }).map(String), { minLength: 1, maxLength: 3 })
        .chain((values) => fc.constantFrom<Comparison>({ op: 'in', values }, { op: 'not', values })),
      fc
        .tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), fc.integer({ min: -300, max: 300 }))
        .map(([bound, value]): Comparison => ({ op: 'range', [bound]: String(value) })),
    ),
  });

  it('is judged as all values of the type are', () => {
    fc.assert(
      fc.property(integers, ({ type, test }) => {
        const verdictOf = compileComparison(test);
        const lowest = type === 'tinyint' ? -128 : 0;
        const verdicts = Array.from({ length: 256 }, (_, index) => verdictOf(lowest + index));
        const judgement = judge(type, test);
        expect(judgement === 'never').toBe(verdicts.every((verdict) => verdict === 'no'));
        if (judgement === 'always') expect(verdicts).not.toContain('no');
      }),
      { numRuns: 500 },
    );
  });

  it('knows the values of an ENUM', () => {
    expect(membersOf(column("enum('a','it''s','x,y')"))).toEqual(['a', "it's", 'x,y']);
    expect(membersOf(column('varchar(3)'))).toEqual([]);
  });
});
