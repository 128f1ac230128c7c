import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCondition, conditionColumns } from '../mapping/condition.ts';
import type { RuleCondition } from '../mapping/condition.ts';
import { formatProblem } from './errors.ts';
import { resolveCondition } from './resolve-condition.ts';
import { parseYaml } from './yaml-source.ts';

/** The condition of a rule that consists of this text alone, and what is wrong with it. */
function resolve(text: string): { condition: RuleCondition | undefined; problems: string[] } {
  const document = parseYaml('shop.yaml', text);
  const condition = resolveCondition(document, []);
  return { condition, problems: document.problems.map(formatProblem) };
}

function conditionOf(text: string): RuleCondition | undefined {
  const { condition, problems } = resolve(text);
  expect(problems).toEqual([]);
  return condition;
}

describe('the condition of a rule', () => {
  it('is none without when and where', () => {
    expect(conditionOf('key: x')).toBeUndefined();
  });

  it('names changed columns', () => {
    expect(conditionOf('when: {changed: [email, "`odd ``name`", two words]}')).toEqual({
      changed: ['email', 'odd `name', 'two words'],
    });
  });

  it('tests columns for a value, a list, NULL and by operators', () => {
    const text = `where:
  status: [active, trial]
  kind: x
  age: {gte: 18, lt: 65}
  deleted_at: null
  name: {not: ""}
  country: {not: [de, at]}
  vip: {not: null}
  size: {in: [s, m], not: l}
  seen: {gt: 2026-01-31, lte: 2026-02-28 23:59:59}
`;
    expect(conditionOf(text)).toEqual({
      image: [
        { column: 'status', tests: [{ op: 'in', values: ['active', 'trial'] }] },
        { column: 'kind', tests: [{ op: 'eq', value: 'x' }] },
        { column: 'age', tests: [{ op: 'range', gte: '18', lt: '65' }] },
        { column: 'deleted_at', tests: [{ op: 'null' }] },
        { column: 'name', tests: [{ op: 'not', values: [''] }] },
        { column: 'country', tests: [{ op: 'not', values: ['de', 'at'] }] },
        { column: 'vip', tests: [{ op: 'not-null' }] },
        {
          column: 'size',
          tests: [
            { op: 'in', values: ['s', 'm'] },
            { op: 'not', values: ['l'] },
          ],
        },
        { column: 'seen', tests: [{ op: 'range', gt: '2026-01-31', lte: '2026-02-28 23:59:59' }] },
      ],
    });
  });

  it('keeps text as it is written, whatever it looks like', () => {
    expect(
      conditionOf('where: {a: 012, b: yes, c: 1e3, d: true, e: "null", f: 18446744073709551615}'),
    ).toEqual({
      image: ['012', 'yes', '1e3', 'true', 'null', '18446744073709551615'].map((value, index) => ({
        column: 'abcdef'.charAt(index),
        tests: [{ op: 'eq', value }],
      })),
    });
  });

  it('tests the images before and after, each of them if it is given', () => {
    const old = [{ column: 'status', tests: [{ op: 'eq', value: 'draft' }] }];
    expect(conditionOf('where: {old: {status: draft}, new: {}}')).toEqual({ old, new: [] });
    expect(conditionOf('where: {new: {status: draft}}\nwhen: {changed: [status]}')).toEqual({
      changed: ['status'],
      new: old,
    });
  });

  it('takes columns called old, new or as an operator in backquotes', () => {
    const condition = conditionOf('where: {"`old`": {not: null}, "`new`": 5, "`not`": 1}');
    expect(conditionColumns(condition ?? {})).toEqual(['old', 'new', 'not']);
  });
});

describe('a condition that cannot be meant', () => {
  it.each([
    ['when:', '1:1 when', 'has no value', '{changed: [email, name]}'],
    ['when: {}', '1:7 when', 'is empty', 'remove it'],
    ['when: email', '1:7 when', 'must be a map', '{changed: [email, name]}'],
    ['when: {change: [a]}', '1:8 when.change', 'unknown field', 'changed'],
    ['when: {changed: email}', '1:17 when.changed', 'list of columns', '[email, name]'],
    ['when: {changed: null}', '1:8 when.changed', 'list of columns', '[email, name]'],
    ['when: {changed: []}', '1:17 when.changed', 'is empty', 'at least one'],
    ['when: {changed: [a, A]}', '1:21 when.changed[1]', 'twice', 'remove one'],
    ['when: {changed: [[a]]}', '1:18 when.changed[0]', 'name of a column', '[email, name]'],
    ['when: {changed: [""]}', '1:19 when.changed[0]', 'without a name', 'name of a column'],
    ['when: {changed: [" a"]}', '1:19 when.changed[0]', 'spaces', 'remove'],
    ['when: {changed: ["`a"]}', '1:19 when.changed[0]', 'backquote', 'doubled'],
    ['where:', '1:1 where', 'has no value', '{status: active}'],
    ['where: {}', '1:8 where', 'is empty', 'remove it'],
    ['where: [a]', '1:8 where', 'must be a map', '{status: active}'],
    ['where: "status = 1"', '1:9 where', 'must be a map', '{status: active}'],
    ['where: {a: []}', '1:12 where.a', 'the list is empty', 'at least one value'],
    ['where: {a: {}}', '1:12 where.a', 'no operator', 'the value itself'],
    ['where: {a: [x, x]}', '1:16 where.a[1]', 'twice', 'remove one'],
    ['where: {a: [[x]]}', '1:13 where.a[0]', 'single value', '[active, trial]'],
    ['where: {a: 1, A: 2}', '1:15 where.A', 'twice', 'keep one'],
    ['where: {a: 1, "`a`": 2}', '1:15 where."`a`"', 'twice', 'keep one'],
    ['where: {a: {ge: 5}}', '1:13 where.a.ge', 'unknown operator', 'did you mean gte?'],
    ['where: {a: {">=": 5}}', '1:13 where.a.">="', 'unknown operator', 'did you mean gte?'],
    ['where: {a: {nto: 5}}', '1:13 where.a.nto', 'unknown operator', 'did you mean not?'],
    ['where: {a: {"!=": 5}}', '1:13 where.a."!="', 'unknown operator', 'did you mean not?'],
    ['where: {a: {EQ: 5}}', '1:13 where.a.EQ', 'unknown operator', 'the value itself'],
    ['where: {a: {contains: 5}}', '1:13 where.a.contains', 'unknown operator', 'known here: not, in, gt'],
    ['where: {a: {not: {gt: 5}}}', '1:18 where.a.not', 'a value, a list or null', 'turn'],
    ['where: {a: {not: []}}', '1:18 where.a.not', 'the list is empty', 'at least one'],
    ['where: {a: {in: x}}', '1:17 where.a.in', 'must be a list', '[active, trial]'],
    ['where: {a: {gt: x}}', '1:17 where.a.gt', 'a number, a date or a time', 'for example 18'],
    ['where: {a: {gt: true}}', '1:17 where.a.gt', 'a number, a date or a time', 'for example 18'],
    ['where: {a: {gt: [1]}}', '1:17 where.a.gt', 'a number, a date or a time', 'for example 18'],
    ['where: {a: {gt: null}}', '1:13 where.a.gt', 'a number, a date or a time', 'for example 18'],
    ['where: {a: {gt: 1, gte: 2}}', '1:20 where.a.gte', 'exclude each other', 'keep one'],
    ['where: {a: {gt: 5, lt: 3}}', '1:12 where.a', 'no value', 'below the upper one'],
    ['where: {a: {gte: 5, lt: 5.0}}', '1:12 where.a', 'no value', 'below the upper one'],
    ['where: {a: {gt: 2026-02-01, lt: 2026-01-31}}', '1:12 where.a', 'no value', 'below'],
    ['where: {a: {gt: 5, lt: 2026-01-31}}', '1:12 where.a', 'different kinds', 'two numbers'],
    ['where: {old: {a: 1}, b: 2}', '1:22 where.b', 'beside old or new', '"`old`"'],
    ['where: {old: 5}', '1:14 where.old', 'must be a map of columns', '"`old`"'],
    ['where: {old: {not: 5}}', '1:15 where.old.not', 'operator where a column', '"`not`"'],
    ['where: {gte: 5}', '1:9 where.gte', 'operator where a column', 'age: {gte: 18}'],
    ['where: {old: {}, new: {}}', '1:8 where', 'is empty', '{status: active}'],
  ])('%s is refused with place and remedy', (text, place, message, remedy) => {
    const [at = '', path = ''] = place.split(' ');
    const { problems } = resolve(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(`shop.yaml:${at}  ${path}  `)).toBe(true);
    const [said, advice] = (problems[0] ?? '').split('  → ');
    expect(said).toContain(message);
    expect(advice).toContain(remedy);
  });

  it('does not hide others', () => {
    const { problems } = resolve('when: {changed: []}\nwhere: {a: {ge: 1}, b: [], old: {c: 1}}');
    expect(problems).toHaveLength(3);
  });

  it.each(['where: {a: {gte: 5, lte: 5.0}}', 'where: {old: {a: 1}}'])('%s is not refused', (text) => {
    expect(resolve(text).problems).toEqual([]);
  });
});

describe('for any text in when and where', () => {
  const scalar = fc.oneof(
    fc.constantFrom('', 'a', '5', 'true', '2026-01-31', '`a`', 'old', 'changed'),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
  const name = fc.oneof(
    fc.constantFrom('a', 'old', 'new', 'changed', 'not', 'in', 'gt', 'gte', 'lt', 'ge', '`old`'),
    scalar,
  );
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(scalar, fc.constant(null)),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(name, tie('node'), { maxKeys: 3 }),
    ),
  }));

  it('there is a condition that compiles, or there are problems', () => {
    fc.assert(
      fc.property(node, node, (when, where) => {
        const { condition, problems } = resolve(JSON.stringify({ when, where }));
        if (problems.length > 0) return;
        if (condition === undefined) throw new Error('neither');
        const columns = conditionColumns(condition);
        const image = columns.map(() => undefined);
        const change = {
          op: 'update',
          table: { schema: 's', table: 't' },
          before: image,
          after: image,
        } as const;
        expect(columns.length).toBeGreaterThan(0);
        expect(compileCondition(condition, columns)(change)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
