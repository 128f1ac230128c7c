import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValue, RowChange, RowImage } from '../change/row-change.ts';
import { canonicalCondition, compileCondition, conditionColumns, conditionUses } from './condition.ts';
import type { ImageCondition, RuleCondition } from './condition.ts';
import type { Comparison } from './condition-comparison.ts';
import { describeCondition } from './condition-description.ts';

const TABLE = { schema: 'shop', table: 'users' };

function insert(after: RowImage): RowChange {
  return { op: 'insert', table: TABLE, after };
}

function remove(before: RowImage): RowChange {
  return { op: 'delete', table: TABLE, before };
}

function update(before: RowImage, after: RowImage): RowChange {
  return { op: 'update', table: TABLE, before, after };
}

/** Whether an inserted row with this value passes the test. */
function passes(value: ColumnValue, ...tests: Comparison[]): boolean {
  return compileCondition({ image: [{ column: 'v', tests }] }, ['v'])(insert([value]));
}

const eq = (value: string): Comparison => ({ op: 'eq', value });
const not = (...values: string[]): Comparison => ({ op: 'not', values });

describe('a condition on changed columns', () => {
  const changes = compileCondition({ changed: ['email', 'name'] }, ['id', 'name', 'email']);

  it('passes updates of one of them, inserts and deletes', () => {
    expect(changes(update([1, 'a', 'x'], [1, 'b', 'x']))).toBe(true);
    expect(changes(update([1, 'a', 'x'], [1, 'a', null]))).toBe(true);
    expect(changes(insert([1, 'a', 'x']))).toBe(true);
    expect(changes(remove([1, 'a', 'x']))).toBe(true);
  });

  it('fails updates of other columns only', () => {
    expect(changes(update([1, 'a', null], [2, 'a', null]))).toBe(false);
  });

  it('takes another spelling as a change, though a collation may say that it is equal', () => {
    expect(changes(update([1, 'a', 'x'], [1, 'A', 'x']))).toBe(true);
  });

  it('takes what an image lacks as changed', () => {
    expect(changes(update([1, 'a', undefined], [1, 'a', undefined]))).toBe(true);
    expect(changes(update([1, undefined, 'x'], [1, 'a', 'x']))).toBe(true);
  });

  it('compares bytes by their content', () => {
    const bytes = compileCondition({ changed: ['b'] }, ['b']);
    expect(bytes(update([Uint8Array.of(1)], [Uint8Array.of(1)]))).toBe(false);
    expect(bytes(update([Uint8Array.of(1)], [Uint8Array.of(2)]))).toBe(true);
  });
});

describe('a condition on row images', () => {
  const active: ImageCondition = [{ column: 'status', tests: [eq('active')] }];

  it('passes an insert or a delete whose image satisfies it', () => {
    const test = compileCondition({ image: active }, ['status']);
    expect([insert(['active']), insert(['draft']), remove(['active']), remove(['draft'])].map(test)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('passes an update that enters it, leaves it or stays in it', () => {
    const test = compileCondition({ image: active }, ['status']);
    expect(test(update(['draft'], ['active']))).toBe(true);
    expect(test(update(['active'], ['draft']))).toBe(true);
    expect(test(update(['active'], ['active']))).toBe(true);
    expect(test(update(['draft'], ['gone']))).toBe(false);
  });

  it('of before and after passes the transition, in this direction', () => {
    const test = compileCondition({ old: [{ column: 'status', tests: [eq('draft')] }], new: active }, [
      'status',
    ]);
    expect(test(update(['draft'], ['active']))).toBe(true);
    expect(test(update(['active'], ['draft']))).toBe(false);
    expect(test(update(['draft'], ['draft']))).toBe(false);
    expect(test(insert(['active']))).toBe(false);
    expect(test(remove(['draft']))).toBe(false);
  });

  it('of one side only passes the inserts or deletes that have this side', () => {
    const entering = compileCondition({ new: active, old: [] }, ['status']);
    expect(entering(insert(['active']))).toBe(true);
    expect(entering(remove(['active']))).toBe(false);
    const leaving = compileCondition({ old: active }, ['status']);
    expect(leaving(remove(['active']))).toBe(true);
    expect(leaving(insert(['active']))).toBe(false);
  });

  it('and changed columns have to hold both', () => {
    const test = compileCondition({ image: active, changed: ['name'] }, ['name', 'status']);
    expect(test(update(['a', 'active'], ['b', 'active']))).toBe(true);
    expect(test(update(['a', 'active'], ['a', 'draft']))).toBe(false);
    expect(test(update(['a', 'draft'], ['b', 'draft']))).toBe(false);
  });

  it('finds columns in any case, and says which one is not read', () => {
    expect(compileCondition({ image: active }, ['id', 'STATUS'])(insert([1, 'draft']))).toBe(false);
    expect(() => compileCondition({ image: active }, ['id'])).toThrow('column status is not read');
  });

  it('without any part passes everything', () => {
    const test = compileCondition({ changed: [], image: [] }, []);
    expect(test(update([], []))).toBe(true);
  });
});

describe('the value of a column', () => {
  it.each<[ColumnValue, Comparison]>([
    ['active', eq('active')],
    ['ACTIVE ', eq('active')],
    ['trial', { op: 'in', values: ['active', 'trial'] }],
    [5, eq('5.00')],
    ['5.00', eq('5')],
    ['18446744073709551615', eq('18446744073709551615')],
    ['1000.00', eq('1e3')],
    [1, eq('true')],
    [0, eq('false')],
    ['true', eq('true')],
    ['1.00', eq('true')],
    [0.1, eq('0.1000000000000000055')],
    ['2026-01-31 00:00:00', eq('2026-01-31')],
    ['2026-01-31', eq('20260131')],
    ['2026-01-31', eq('2026-1-31')],
    [null, { op: 'null' }],
    [0, { op: 'not-null' }],
    ['draft', not('active')],
    [null, not('active')],
    ['Active', not('active')],
    ['5.00', not('5')],
    [18, { op: 'range', gte: '18', lt: '65' }],
    ['9007199254740993', { op: 'range', gt: '9007199254740992' }],
    ['10.00', { op: 'range', gt: '9' }],
    ['2026-01-31 00:00:00', { op: 'range', lte: '2026-01-31' }],
    ['100:00:00', { op: 'range', gt: '99:00:00' }],
    ['some text', { op: 'range', gt: '9' }],
    ['some text', { op: 'range', gt: '2026-01-31' }],
  ])('%j satisfies %j', (value, test) => {
    expect(passes(value, test)).toBe(true);
  });

  it.each<[ColumnValue, Comparison]>([
    ['draft', eq('active')],
    ['', eq('active')],
    ['draft', { op: 'in', values: ['active', 'trial'] }],
    [5, eq('5.01')],
    [1, eq('false')],
    ['18446744073709551615', eq('18446744073709551614')],
    ['5.01', eq('5')],
    ['2026-01-31 00:00:01', eq('2026-01-31')],
    ['2026-02-01', eq('2026-01-31')],
    [null, eq('')],
    [null, { op: 'in', values: ['null', ''] }],
    [null, { op: 'not-null' }],
    ['null', { op: 'null' }],
    [Uint8Array.of(1), { op: 'null' }],
    [null, { op: 'range', gt: '0' }],
    ['active', not('active')],
    ['at', not('de', 'at')],
    [5, not('5.00')],
    ['18446744073709551615', not('18446744073709551615')],
    ['', not('')],
    [65, { op: 'range', gte: '18', lt: '65' }],
    [17.5, { op: 'range', gte: '18' }],
    ['9007199254740992', { op: 'range', gt: '9007199254740992' }],
    ['9.00', { op: 'range', gt: '10' }],
    ['2026-01-31 00:00:00.000001', { op: 'range', lte: '2026-01-31' }],
    ['-10:00:00', { op: 'range', gt: '-09:00:00' }],
  ])('%j does not satisfy %j', (value, test) => {
    expect(passes(value, test)).toBe(false);
  });

  it('passes when it cannot be compared: bytes, and a number with a text', () => {
    expect(passes(Uint8Array.of(1), eq('1'))).toBe(true);
    expect(passes(Uint8Array.of(1), not('1'))).toBe(true);
    expect(passes(5, eq('five'))).toBe(true);
    expect(passes(5, not('five'))).toBe(true);
    expect(passes('2026-01-31', { op: 'range', gt: '5' })).toBe(true);
  });

  it('has to satisfy all of its tests', () => {
    expect(passes(20, { op: 'range', gte: '18' }, not('20'))).toBe(false);
    expect(passes(21, { op: 'range', gte: '18' }, not('20'))).toBe(true);
  });
});

const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer());
const numeral = number.map(String);
const test = fc.oneof<fc.Arbitrary<Comparison>[]>(
  numeral.map(eq),
  fc.array(numeral, { minLength: 1, maxLength: 3 }).map((values) => ({ op: 'in', values })),
  fc.array(numeral, { minLength: 1, maxLength: 3 }).map((values) => not(...values)),
  fc.constant({ op: 'null' }),
  fc.constant({ op: 'not-null' }),
  fc.record({ op: fc.constant('range' as const), gt: numeral, lte: numeral }, { requiredKeys: ['op'] }),
  fc.record({ op: fc.constant('range' as const), gte: numeral, lt: numeral }, { requiredKeys: ['op'] }),
);
const COLUMNS = ['a', 'b', 'c'];
const column = fc.constantFrom(...COLUMNS);
const image = fc.array(fc.record({ column, tests: fc.array(test, { maxLength: 2 }) }), { maxLength: 3 });
const condition: fc.Arbitrary<RuleCondition> = fc.record(
  { changed: fc.array(column, { minLength: 1, maxLength: 2 }), image, old: image, new: image },
  { requiredKeys: [] },
);

function row(value: fc.Arbitrary<ColumnValue>): fc.Arbitrary<RowImage> {
  return fc.tuple(value, value, value);
}

function change(images: fc.Arbitrary<RowImage>): fc.Arbitrary<RowChange> {
  return fc.oneof(
    images.map(insert),
    images.map(remove),
    fc.tuple(images, images).map(([before, after]) => update(before, after)),
  );
}

const known = change(row(fc.option(number, { freq: 4 })));
const any = change(
  row(
    fc.oneof(
      fc.constantFrom(undefined, null),
      number,
      fc.double({ noNaN: true }),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 3 }),
    ),
  ),
);

/** What SQL says of integers and NULL, apart from NULL being different from every value. */
function holds(test: Comparison, value: ColumnValue): boolean {
  const number = value === null ? undefined : Number(value);
  switch (test.op) {
    case 'null':
      return value === null;
    case 'not-null':
      return value !== null;
    case 'eq':
      return number === Number(test.value);
    case 'in':
      return test.values.some((other) => number === Number(other));
    case 'not':
      return !test.values.some((other) => number === Number(other));
    case 'range':
      return (
        number !== undefined &&
        number > Number(test.gt ?? -Infinity) &&
        number >= Number(test.gte ?? -Infinity) &&
        number < Number(test.lt ?? Infinity) &&
        number <= Number(test.lte ?? Infinity)
      );
  }
}

function reference(condition: RuleCondition, change: RowChange): boolean {
  const before = change.op === 'insert' ? undefined : change.before;
  const after = change.op === 'delete' ? undefined : change.after;
  const hasTests = (part: ImageCondition = []): boolean => part.some(({ tests }) => tests.length > 0);
  const satisfies = (part: ImageCondition = [], values: RowImage | undefined): boolean =>
    values !== undefined &&
    part.every(({ column, tests }) => tests.every((test) => holds(test, values[COLUMNS.indexOf(column)])));
  const isDifferent = (name: string): boolean =>
    before?.[COLUMNS.indexOf(name)] !== after?.[COLUMNS.indexOf(name)];
  return (
    (condition.changed === undefined || change.op !== 'update' || condition.changed.some(isDifferent)) &&
    (satisfies(condition.image, before) || satisfies(condition.image, after)) &&
    (!hasTests(condition.old) || satisfies(condition.old, before)) &&
    (!hasTests(condition.new) || satisfies(condition.new, after))
  );
}

describe('any condition', () => {
  it('says of integers and NULL what a plain reading of it says', () => {
    fc.assert(
      fc.property(condition, known, (condition, change) => {
        expect(compileCondition(condition, COLUMNS)(change)).toBe(reference(condition, change));
      }),
      { numRuns: 2000 },
    );
  });

  it('on values that are not known passes', () => {
    const unknown: RowImage = [undefined, undefined, undefined];
    fc.assert(
      fc.property(condition, (condition) => {
        expect(compileCondition(condition, COLUMNS)(update(unknown, unknown))).toBe(true);
      }),
    );
  });

  it('passes with a value unknown whenever it passes with any value in its place', () => {
    fc.assert(
      fc.property(condition, any, fc.nat({ max: 2 }), (condition, change, index) => {
        const blank = (values: RowImage): RowImage => values.with(index, undefined);
        const less: RowChange =
          change.op === 'update'
            ? update(blank(change.before), blank(change.after))
            : change.op === 'insert'
              ? insert(blank(change.after))
              : remove(blank(change.before));
        const test = compileCondition(condition, COLUMNS);
        expect(test(less) || !test(change)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('is described if and only if the change does not pass', () => {
    fc.assert(
      fc.property(condition, any, (condition, change) => {
        const described = describeCondition(condition, change, COLUMNS);
        expect(described === undefined).toBe(compileCondition(condition, COLUMNS)(change));
      }),
      { numRuns: 1000 },
    );
  });

  it('survives being sent as data', () => {
    fc.assert(
      fc.property(condition, (condition) => {
        expect(structuredClone(condition)).toEqual(condition);
        expect(canonicalCondition(JSON.parse(JSON.stringify(condition)))).toBe(canonicalCondition(condition));
      }),
    );
  });

  it('has one canonical text in any order of its parts', () => {
    const turned = (image: ImageCondition): ImageCondition =>
      image.toReversed().map(({ column, tests }) => ({ column, tests: tests.toReversed() }));
    fc.assert(
      fc.property(condition, (condition) => {
        const { changed, image = [], old = [], new: current = [] } = condition;
        const other: RuleCondition = {
          new: turned(current),
          old: turned(old),
          image: turned(image),
          ...(changed === undefined ? {} : { changed: [...changed, ...changed].toReversed() }),
        };
        expect(canonicalCondition(other)).toBe(canonicalCondition(condition));
      }),
    );
  });
});

describe('the canonical text', () => {
  it('tells what differs', () => {
    const conditions: RuleCondition[] = [
      {},
      { changed: ['a'] },
      { image: [{ column: 'a', tests: [eq('1')] }] },
      { old: [{ column: 'a', tests: [eq('1')] }] },
      { new: [{ column: 'a', tests: [eq('1')] }] },
      { image: [{ column: 'a', tests: [not('1')] }] },
      { image: [{ column: 'a', tests: [{ op: 'null' }] }] },
      { image: [{ column: 'a', tests: [{ op: 'range', gt: '1' }] }] },
      { image: [{ column: 'a', tests: [{ op: 'range', gte: '1' }] }] },
      { image: [{ column: 'a', tests: [{ op: 'range', lt: '1' }] }] },
    ];
    expect(new Set(conditions.map(canonicalCondition)).size).toBe(conditions.length);
  });
});

describe('the columns of a condition', () => {
  const condition: RuleCondition = {
    changed: ['name'],
    image: [{ column: 'age', tests: [{ op: 'range', gt: '1' }, not('5')] }],
    old: [{ column: 'status', tests: [eq('a')] }],
    new: [
      { column: 'status', tests: [{ op: 'in', values: ['b'] }] },
      { column: 'gone', tests: [{ op: 'null' }] },
    ],
  };

  it('are each named once', () => {
    expect(conditionColumns(condition)).toEqual(['name', 'age', 'status', 'gone']);
  });

  it('come with what is done with them', () => {
    expect(conditionUses(condition).map(({ column, use }) => `${column} ${use}`)).toEqual([
      'name changed',
      'age range',
      'age equality',
      'status equality',
      'status equality',
      'gone null',
    ]);
  });
});

describe('the reason why a change does not pass', () => {
  const columns = ['status', 'age'];
  const on = (column: string, ...tests: Comparison[]): ImageCondition => [{ column, tests }];

  it.each<[string, RuleCondition, RowChange]>([
    ['status is "draft", not active', { image: on('status', eq('active')) }, insert(['draft', 1])],
    [
      'status is NULL, not active or "on trial"',
      { image: on('status', { op: 'in', values: ['active', 'on trial'] }) },
      remove([null, 1]),
    ],
    ['age is 5, which is excluded', { image: on('age', not('5')) }, insert(['a', 5])],
    [
      'age is 70, not at least 18 and below 65',
      { image: on('age', { op: 'range', gte: '18', lt: '65' }) },
      insert(['a', 70]),
    ],
    ['status is "", not NULL', { image: on('status', { op: 'null' }) }, insert(['', 1])],
    ['status is bytes, not NULL', { image: on('status', { op: 'null' }) }, insert([Uint8Array.of(1), 1])],
    ['age is NULL', { image: on('age', { op: 'not-null' }) }, insert(['a', null])],
    ['status is "a", not b', { image: on('status', eq('b')) }, update(['a', 1], ['a', 2])],
    [
      'in the old image status is "a", not b; in the new image status is "c", not b',
      { image: on('status', eq('b')) },
      update(['a', 1], ['c', 1]),
    ],
    ['in the old image status is "a", not b', { old: on('status', eq('b')) }, update(['a', 1], ['b', 1])],
    ['in the new image status is "b", not a', { new: on('status', eq('a')) }, update(['a', 1], ['b', 1])],
    ['an insert has no old image', { old: on('status', eq('b')) }, insert(['b', 1])],
    ['a delete has no new image', { new: on('status', eq('b')) }, remove(['b', 1])],
    ['age did not change', { changed: ['age'] }, update(['a', 1], ['b', 1])],
    ['none of age, status changed', { changed: ['age', 'status'] }, update(['a', 1], ['a', 1])],
  ])('%s', (reason, condition, change) => {
    expect(describeCondition(condition, change, columns)).toBe(reason);
  });
});
