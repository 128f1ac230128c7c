import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValue, RowChange, RowImage, RowOperation } from '../change/row-change.ts';
import { explain, formatReason } from './explain.ts';
import { compilePlan } from './plan.ts';
import type { MappingOutput, MappingPlan } from './plan.ts';
import { ALL_OPERATIONS } from './rule.ts';
import type { RuleEvent, TableRule } from './rule.ts';
import { parseTemplate, templatePattern } from './template.ts';
import type { KeyTemplate } from './template.ts';

function template(text: string): KeyTemplate {
  const result = parseTemplate(text, { needsPrefix: false });
  if (!result.ok) throw new Error(`${text}: ${result.problem}`);
  return result.template;
}

function rule(
  id: string,
  table: string,
  keys: string[],
  on: readonly RowOperation[] = ALL_OPERATIONS,
): TableRule {
  const [schema = '', name = ''] = table.split('.');
  return {
    kind: 'table',
    id,
    tables: { kind: 'exact', table: { schema, table: name } },
    keys: keys.map(template),
    keysFromSet: [],
    on: new Set([...on, 'truncate']),
    action: { kind: 'delete', guard: { kind: 'none' } },
  };
}

function change(
  plan: MappingPlan,
  op: RowOperation,
  images: { before?: RowImage; after?: RowImage },
): RowChange {
  const interest = plan.interests.named[0];
  if (interest === undefined) throw new Error('no table');
  const { before = [], after = [] } = images;
  if (op === 'insert') return { op, table: interest.table, after };
  if (op === 'delete') return { op, table: interest.table, before };
  return { op, table: interest.table, before, after };
}

function map(plan: MappingPlan, ...changes: RowChange[]): MappingOutput {
  const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
  for (const one of changes) plan.map(one, out);
  return out;
}

function keys(out: MappingOutput): string[] {
  return out.commands.map((command) => (command.kind === 'scope' ? `scope ${command.pattern}` : command.key));
}

/** Redis' MATCH for patterns without character classes, which templates never produce. */
function globMatches(pattern: string, text: string): boolean {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '*') source += '[^]*';
    else if (char === '?') source += '[^]';
    else {
      if (char === '\\') at += 1;
      source += pattern.charAt(at).replace(/[/\-\\^$*+?.()|[\]{}]/g, '\\$&');
    }
  }
  return new RegExp(`^${source}$`).test(text);
}

describe('a plan', () => {
  const plan = compilePlan([rule('rules[0]', 'shop.users', ['user:{id}', 'user:mail:{email}'])]);

  it('asks for the columns that the rules of a table need, once each', () => {
    const several = compilePlan([
      rule('rules[0]', 'shop.users', ['user:{id}', 'mail:{email}:{id}']),
      rule('rules[1]', 'shop.orders', ['order:{no}']),
      rule('rules[2]', 'shop.users', ['name:{name}']),
    ]);
    expect(several.interests.named).toEqual([
      { table: { schema: 'shop', table: 'users' }, columns: ['id', 'email', 'name'] },
      { table: { schema: 'shop', table: 'orders' }, columns: ['no'] },
    ]);
  });

  it('deletes the key of an inserted row', () => {
    expect(keys(map(plan, change(plan, 'insert', { after: [7, 'a@x'] })))).toEqual([
      'user:7',
      'user:mail:a@x',
    ]);
  });

  it('deletes the key of a deleted row', () => {
    expect(keys(map(plan, change(plan, 'delete', { before: [7, 'a@x'] })))).toEqual([
      'user:7',
      'user:mail:a@x',
    ]);
  });

  it('deletes the keys of both images of an update, an unchanged key once', () => {
    const out = map(plan, change(plan, 'update', { before: [7, 'a@x'], after: [7, 'b@x'] }));
    expect(keys(out)).toEqual(['user:7', 'user:mail:a@x', 'user:mail:b@x']);
  });

  it('reacts only to the operations that the rule lists', () => {
    const inserts = compilePlan([rule('rules[0]', 'shop.users', ['user:{id}'], ['insert'])]);
    expect(keys(map(inserts, change(inserts, 'insert', { after: [1] })))).toEqual(['user:1']);
    expect(keys(map(inserts, change(inserts, 'update', { before: [1], after: [2] })))).toEqual([]);
    expect(keys(map(inserts, change(inserts, 'delete', { before: [1] })))).toEqual([]);
  });

  it('has no key for an image with SQL NULL in a key column, and counts the image', () => {
    const out = map(
      plan,
      change(plan, 'insert', { after: [7, null] }),
      change(plan, 'update', { before: [7, null], after: [7, 'a@x'] }),
      change(plan, 'update', { before: [8, null], after: [8, null] }),
    );
    expect(keys(out)).toEqual(['user:7', 'user:7', 'user:mail:a@x', 'user:8']);
    expect(out.nullKeys).toBe(4);
  });

  it('removes the scope when an image lacks a key column, once if both images lack it', () => {
    const out = map(
      plan,
      change(plan, 'update', { before: [7, undefined], after: [7, 'a@x'] }),
      change(plan, 'update', { before: [7], after: [7] }),
    );
    expect(keys(out)).toEqual([
      'user:7',
      'scope user:mail:*',
      'user:mail:a@x',
      'user:7',
      'scope user:mail:*',
    ]);
    expect(out.nullKeys).toBe(0);
    expect(out.commands.find((command) => command.kind === 'scope')).toMatchObject({ reason: 'unreadable' });
  });

  it('needs no scope when another key column is NULL, because the row has no key anyway', () => {
    const pair = compilePlan([rule('rules[0]', 'shop.t', ['t:{a}:{b}'])]);
    const out = map(pair, change(pair, 'insert', { after: [undefined, null] }));
    expect(keys(out)).toEqual([]);
    expect(out.nullKeys).toBe(1);
  });

  it('asks a lookup with NULL too, because IS NULL and <=> find rows by it', () => {
    const sql = 'SELECT id FROM shop.t WHERE parent <=> ?';
    const lookup = { sql, parameters: ['parent'], maxKeys: 9, timeout: 1, cache: 0 };
    const asking = compilePlan([{ ...rule('rules[0]', 'shop.t', ['t:{lookup.id}']), lookup }]);
    const out = map(
      asking,
      change(asking, 'update', { before: [null], after: [7] }),
      change(asking, 'update', { before: [null], after: [null] }),
    );
    expect(out.lookups.map(({ parameters }) => parameters)).toEqual([[null], [7], [null]]);
    expect(out.commands).toEqual([]);
  });

  it('refuses a change of a table that no rule is on, rather than skip it', () => {
    const foreign: RowChange = { op: 'insert', table: { schema: 'shop', table: 'users' }, after: [1, 'a'] };
    expect(() => map(plan, foreign)).toThrow(/shop\.users/);
  });

  it('knows the scopes of tables by name, one for each distinct pattern', () => {
    const scoped = compilePlan([
      rule('rules[0]', 'shop.users', ['user:{id}', 'mail:{email}']),
      rule('rules[1]', 'shop.people', ['user:{person_id}']),
    ]);
    const tables = [
      { schema: 'shop', table: 'users' },
      { schema: 'shop', table: 'people' },
      { schema: 'other', table: 'users' },
    ];
    expect(scoped.scopes(tables, 'truncate')).toMatchObject([
      { kind: 'scope', pattern: 'user:*', members: false, reason: 'truncate' },
      { kind: 'scope', pattern: 'mail:*', members: false, reason: 'truncate' },
    ]);
    expect(scoped.scopes([], 'gap')).toEqual([]);
  });

  it('has a hash that follows what the rules do, not their order or their ids', () => {
    const a = rule('rules[0]', 'shop.users', ['user:{id}']);
    const b = rule('rules[1]', 'shop.orders', ['order:{id}', 'o:{id}']);
    const hash = compilePlan([a, b]).hash;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(
      compilePlan([
        { ...b, id: 'rules[0]', keys: b.keys.toReversed() },
        { ...a, id: 'rules[1]' },
      ]).hash,
    ).toBe(hash);
    expect(compilePlan([a]).hash).not.toBe(hash);
    expect(compilePlan([a, { ...b, on: new Set<RuleEvent>(['insert']) }]).hash).not.toBe(hash);
  });
});

// Literals without ':' inside, so that ':' can serve as a separator that no value holds.
const literal = fc
  .string({ unit: fc.constantFrom('a', 'Z', '*', '?', '[', ']', '\\', '^', '-', '{{', '}}', 'é', ' ', '.') })
  .map((text) => `${text}:`);
const columnName = fc.constantFrom('id', 'email', 'name', 'größe');
const templateText = fc
  .tuple(fc.array(fc.tuple(literal, columnName), { minLength: 1, maxLength: 4 }), literal)
  .map(([pairs, tail]) => pairs.map(([text, column]) => `${text}{${column}}`).join('') + tail);
const columnValue: fc.Arbitrary<ColumnValue> = fc.oneof(
  { weight: 4, arbitrary: fc.maxSafeInteger() },
  { weight: 4, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const row = fc.record({ id: columnValue, email: columnValue, name: columnValue, größe: columnValue });

/** The slow and obvious evaluation of a template's text. */
function reference(text: string, values: Record<string, ColumnValue>): string | null | undefined {
  const names = [
    ...text
      .replaceAll('{{', '')
      .replaceAll('}}', '')
      .matchAll(/\{(.*?)\}/g),
  ].map(([, name = '']) => name);
  if (names.some((name) => values[name] === null)) return null;
  if (names.some((name) => values[name] === undefined)) return undefined;
  return text
    .split(/(\{\{|\}\}|\{[^{}]*\})/)
    .map((piece) => {
      if (piece === '{{' || piece === '}}') return piece.charAt(0);
      return piece.startsWith('{') ? String(values[piece.slice(1, -1)]) : piece;
    })
    .join('');
}

describe('for any template and any row', () => {
  const image = (plan: MappingPlan, values: Record<string, ColumnValue>): RowImage =>
    plan.interests.named[0]?.columns.map((column) => values[column]) ?? [];

  it('the keys are those of the obvious evaluation, of both images', () => {
    fc.assert(
      fc.property(templateText, row, row, (text, before, after) => {
        const plan = compilePlan([rule('rules[0]', 'shop.t', [text])]);
        const out = map(
          plan,
          change(plan, 'update', { before: image(plan, before), after: image(plan, after) }),
        );
        const expected = [reference(text, before), reference(text, after)];
        const scope = `scope ${templatePattern(template(text))}`;
        const wanted = expected.filter((key) => key !== null).map((key) => key ?? scope);
        expect(keys(out)).toEqual([...new Set(wanted)]);
        expect(out.nullKeys).toBe(expected.filter((key) => key === null).length);
      }),
    );
  });

  it('the scope matches every key', () => {
    fc.assert(
      fc.property(templateText, row, (text, values) => {
        const key = reference(text, values);
        fc.pre(typeof key === 'string');
        expect(globMatches(templatePattern(template(text)), key)).toBe(true);
      }),
    );
  });

  it('distinct tuples have distinct keys as long as no value holds the separator', () => {
    const part = fc.string().map((text) => text.replaceAll(':', ''));
    const tuples = fc.tuple(part, part, part);
    const plan = compilePlan([rule('rules[0]', 'shop.t', ['t:{a}:{b}:{c}'])]);
    fc.assert(
      fc.property(tuples, tuples, (one, other) => {
        const [first, second] = keys(map(plan, change(plan, 'update', { before: one, after: other })));
        expect(second === undefined).toBe(one.every((text, index) => text === other[index]));
        expect(first).toBe(`t:${one.join(':')}`);
      }),
    );
  });

  it('the explanation lists exactly the keys that are deleted', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(templateText, { minLength: 1, maxLength: 3 }),
        fc.subarray([...ALL_OPERATIONS]),
        fc.constantFrom(...ALL_OPERATIONS),
        row,
        row,
        (texts, on, op, before, after) => {
          const plan = compilePlan([rule('rules[0]', 'shop.t', texts, on)]);
          const one = change(plan, op, { before: image(plan, before), after: image(plan, after) });
          const out = map(plan, one);
          const explained = explain(plan, one);
          const told = explained.flatMap((part) => [
            ...part.keys,
            ...(part.scope === undefined ? [] : [`scope ${part.scope}`]),
          ]);
          expect(told.toSorted()).toEqual(keys(out).toSorted());
          expect(explained.reduce((sum, part) => sum + part.nullKeys, 0)).toBe(out.nullKeys);
        },
      ),
    );
  });
});

describe('an explanation', () => {
  it('says which rule and template gives which keys, and why there is none', () => {
    const plan = compilePlan([
      rule('rules[0]', 'shop.users', ['user:{id}', 'mail:{email}', 'phone:{phone}']),
      rule('rules[1]', 'shop.users', ['new:{id}'], ['insert']),
      rule('rules[2]', 'shop.orders', ['order:{id}']),
    ]);
    // Another table object with the same name: an explanation is not tied to a running plan.
    const table = { schema: 'shop', table: 'users' };
    const one: RowChange = { op: 'update', table, before: [7, null, '1'], after: [8, 'a@x', undefined] };
    const explained = explain(plan, one);
    expect(explained).toEqual([
      {
        ruleId: 'rules[0]',
        role: 'key',
        template: 'user:{id}',
        keys: ['user:7', 'user:8'],
        nullKeys: 0,
        reasons: [],
      },
      {
        ruleId: 'rules[0]',
        role: 'key',
        template: 'mail:{email}',
        keys: ['mail:a@x'],
        nullKeys: 1,
        reasons: [{ kind: 'null', image: 'before', column: 'email' }],
      },
      {
        ruleId: 'rules[0]',
        role: 'key',
        template: 'phone:{phone}',
        keys: ['phone:1'],
        scope: 'phone:*',
        nullKeys: 0,
        reasons: [{ kind: 'absent', image: 'after', column: 'phone' }],
      },
      {
        ruleId: 'rules[1]',
        role: 'key',
        template: 'new:{id}',
        keys: [],
        nullKeys: 0,
        reasons: [{ kind: 'operation', op: 'update' }],
      },
    ]);
    expect(explained.flatMap((part) => part.reasons).map(formatReason)).toEqual([
      "column email is NULL in the row's old image",
      "column phone is absent from the row's new image",
      'the rule\'s "on" does not list update',
    ]);
    expect(explain(plan, { op: 'insert', table: { schema: 'shop', table: 'other' }, after: [] })).toEqual([]);
  });
});
