import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Filter } from '../change/filter.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { explainKey } from './explain-key.ts';
import type { KeyOrigin } from './explain-key.ts';
import { MAX_CANDIDATES, matchTemplate } from './explain-match.ts';
import type { KeyCandidate } from './explain-match.ts';
import { reverseFilters, satisfies } from './explain-reverse.ts';
import { ANY_TEXT, splitKey } from './explain-split.ts';
import type { TextShape } from './explain-split.ts';
import { compileFilters } from './filters.ts';
import { compileKey } from './key.ts';
import { compilePlan } from './plan.ts';
import type { Rule, TableRule } from './rule.ts';
import { ALL_EVENTS } from './rule.ts';
import { parseTemplate } from './template.ts';
import type { KeyTemplate } from './template.ts';

const TABLE = { schema: 'shop', table: 'users' };
const COLUMNS = ['a', 'b', 'c'];

function template(text: string): KeyTemplate {
  const parsed = parseTemplate(text, { constant: true });
  if (!parsed.ok) throw new Error(`${text}: ${parsed.problem}`);
  return parsed.template;
}

function rule(id: string, keys: readonly string[], more: Partial<TableRule> = {}): TableRule {
  return {
    kind: 'table',
    id,
    tables: { kind: 'exact', table: TABLE },
    on: new Set(ALL_EVENTS),
    keys: keys.map(template),
    keysFromSet: [],
    action: { kind: 'delete', guard: { kind: 'none' } },
    ...more,
  };
}

function origins(rules: readonly Rule[], key: string, hints = false): KeyOrigin[] {
  return explainKey(compilePlan(rules), key, hints);
}

/** `rules[0] template 1`: the rule, and the number of candidates where there are some. */
function brief(origin: KeyOrigin): string {
  const id = origin.kind === 'hint' ? '' : `${origin.rule.id} `;
  return `${id}${origin.kind}${origin.kind === 'template' ? ` ${origin.role} ${origin.candidates.length}` : ''}`;
}

function valuesOf(candidate: KeyCandidate): unknown[] {
  return candidate.map(({ condition }) => condition.values.map(String));
}

function isCandidate(candidate: KeyCandidate, row: Readonly<Record<string, ColumnValue>>): boolean {
  return candidate.every(({ ref, condition }) => 'name' in ref && satisfies(row[ref.name], condition));
}

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(':', '-', 'a', 'B', '0', ' ', 'ß', '%') }),
  fc.string(),
);
const value: fc.Arbitrary<ColumnValue> = fc.oneof(
  text,
  fc.integer(),
  fc.constant(null),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.constantFrom('2026-11-24 10:20:30', '2026-11-24', '-12:30:00'),
);
const filter: fc.Arbitrary<string> = fc.constantFrom(
  'lower',
  'upper',
  'trim',
  'urlencode',
  'pad:3',
  'hex',
  'base64',
  'sha1',
  'sha256',
  'default:x',
  'default:',
);
const filters = fc
  .tuple(fc.constantFrom('', 'uuid', 'date:%Y-%m', 'date:%H:%i'), fc.array(filter, { maxLength: 3 }))
  .map(([first, rest]) => [...(first === '' ? [] : [first]), ...rest]);
const templateText = fc
  .array(fc.tuple(fc.constantFrom(...COLUMNS), filters, fc.constantFrom(':', '-', ':a', '::', '00')), {
    minLength: 1,
    maxLength: 3,
  })
  .map(
    (parts) => `k:${parts.map(([column, list, end]) => `{${[column, ...list].join('|')}}${end}`).join('')}`,
  );
const row = fc.record({ a: value, b: value, c: value });

describe('a key that a row gives', () => {
  it('is traced to its rule and template, and the row is among the candidates', () => {
    fc.assert(
      fc.property(fc.array(templateText, { minLength: 1, maxLength: 3 }), row, (texts, values) => {
        const rules = texts.map((one, index) => rule(`rules[${index}]`, [one]));
        const image = COLUMNS.map((name) => Object.entries(values).find(([column]) => column === name)?.[1]);
        for (const one of rules) {
          const key = compileKey(one.keys[0]!, { table: TABLE, columns: COLUMNS })(image);
          if (typeof key !== 'string') continue;
          const found = origins(rules, key).filter(
            (origin) => origin.kind === 'template' && origin.rule.id === one.id,
          );
          expect(found).toHaveLength(1);
          const [origin] = found;
          if (origin?.kind !== 'template') throw new Error('not a template');
          expect(origin.more || origin.candidates.some((each) => isCandidate(each, values))).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is given by every candidate that names its values', () => {
    fc.assert(
      fc.property(templateText, row, (one, values) => {
        const parsed = template(one);
        const keyOf = compileKey(parsed, { table: TABLE, columns: COLUMNS });
        const key = keyOf(COLUMNS.map((name) => values[name as keyof typeof values]));
        fc.pre(typeof key === 'string');
        for (const candidate of matchTemplate(parsed, key).candidates) {
          if (candidate.some(({ condition }) => condition.filters.length > 0)) continue;
          const image = COLUMNS.map((name): ColumnValue => {
            const about = candidate.filter(({ ref }) => 'name' in ref && ref.name === name);
            const options = about[0]?.condition.values.filter((option) =>
              about.every(({ condition }) => satisfies(option, condition)),
            );
            return options?.[0] ?? null;
          });
          expect(keyOf(image)).toBe(key);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a key taken apart', () => {
  const shape: fc.Arbitrary<TextShape> = fc.constantFrom(
    ANY_TEXT,
    { min: 1, max: 2, step: 1 },
    { min: 2, max: 2, step: 1, allowed: /[ab]/ },
    { min: 0, max: Infinity, step: 2, allowed: /[ab]/ },
    { min: 0, max: Infinity, step: 4 },
  );
  const few = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 9 });
  const literal = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 2 });

  /** By trying everything. */
  function* tryAll(
    key: string,
    literals: readonly string[],
    shapes: readonly TextShape[],
  ): Generator<string[]> {
    const [first = '', ...others] = literals;
    if (!key.startsWith(first)) return;
    const rest = key.slice(first.length);
    const [next, ...following] = shapes;
    if (next === undefined) {
      if (rest === '') yield [];
      return;
    }
    for (let length = 0; length <= rest.length; length += 1) {
      const part = rest.slice(0, length);
      const isGood =
        length >= next.min &&
        length <= next.max &&
        (length - next.min) % next.step === 0 &&
        Array.from(part).every((char) => next.allowed?.test(char) ?? true);
      if (!isGood) continue;
      for (const more of tryAll(rest.slice(length), others, following)) yield [part, ...more];
    }
  }

  it('gives every split and no other, the shortest values first', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(literal, shape), { maxLength: 3 }), literal, few, (parts, last, key) => {
        const literals = [...parts.map(([one]) => one), last];
        const shapes = parts.map(([, one]) => one);
        expect([...splitKey(key, { literals, shapes })]).toEqual([...tryAll(key, literals, shapes)]);
      }),
      { numRuns: 2000 },
    );
  });

  it('of many separators lists a bounded number of ways, and says that there are more', () => {
    const long = `k:${':'.repeat(60_000)}`;
    const { candidates, more } = matchTemplate(template('k:{a}:{b}:{c}'), long);
    expect(candidates).toHaveLength(MAX_CANDIDATES);
    expect(more).toBe(true);
    expect(matchTemplate(template('k:{a}:x{b}:{c}y'), long)).toEqual({ candidates: [], more: false });
  });
});

describe('filters turned around', () => {
  it.each<[string, readonly Filter[], unknown]>([
    ['a@x', [], { filters: [], values: ['a@x'], orNull: false }],
    ['a@x', [{ kind: 'lower' }], { filters: [{ kind: 'lower' }], values: ['a@x'], orNull: false }],
    ['A@x', [{ kind: 'lower' }], undefined],
    ['17', [{ kind: 'lower' }], { filters: [], values: ['17'], orNull: false }],
    ['a b', [{ kind: 'urlencode' }], undefined],
    ['a%20b', [{ kind: 'urlencode' }], { filters: [], values: ['a b'], orNull: false }],
    ['007', [{ kind: 'pad', width: 3 }], { filters: [], values: ['007', '07', '7'], orNull: false }],
    ['07', [{ kind: 'pad', width: 3 }], undefined],
    ['0700', [{ kind: 'pad', width: 3 }], { filters: [], values: ['0700'], orNull: false }],
    ['none', [{ kind: 'default', text: 'none' }], { filters: [], values: ['none'], orNull: true }],
    ['some', [{ kind: 'default', text: 'none' }], { filters: [], values: ['some'], orNull: false }],
    ['6162', [{ kind: 'hex' }], { filters: [], values: [Buffer.from('ab')], orNull: false }],
    ['616', [{ kind: 'hex' }], undefined],
    ['YWI=', [{ kind: 'base64' }], { filters: [], values: [Buffer.from('ab')], orNull: false }],
    ['YWI', [{ kind: 'base64' }], undefined],
    ['2026-11', [{ kind: 'date', format: '%Y-%m' }], expect.objectContaining({ values: ['2026-11'] })],
    ['2026-1', [{ kind: 'date', format: '%Y-%m' }], undefined],
    ['x', [{ kind: 'sha1' }], undefined],
  ])('%j behind %j', (given, list, expected) => {
    expect(reverseFilters(given, list)).toEqual(expected);
  });

  it('NULL counts only if no default stands in front of the one that gives the text', () => {
    const list: Filter[] = [
      { kind: 'default', text: 'a' },
      { kind: 'upper' },
      { kind: 'default', text: 'B' },
    ];
    const condition = reverseFilters('B', list);
    expect(condition).toMatchObject({ orNull: false });
    expect(compileFilters(list)(null)).toBe('A');
  });
});

describe('the origins of a key', () => {
  it('name what it can be split into, and leave out a column that would need two values', () => {
    const [first] = origins([rule('rules[0]', ['item:{a}:{b}'])], 'item:1:2:3');
    if (first?.kind !== 'template') throw new Error('no template');
    expect(first.candidates.map(valuesOf)).toEqual([
      [['1'], ['2:3']],
      [['1:2'], ['3']],
    ]);
    const twice = [rule('rules[0]', ['item:{a}:{a}'])];
    expect(origins(twice, 'item:1:1').map(brief)).toEqual(['rules[0] template key 1']);
    expect(origins(twice, 'item:1:2').map(brief)).toEqual(['rules[0] scope']);
  });

  it('know the names of the table, and of a pattern those that it allows', () => {
    const exact = [rule('rules[0]', ['row:{schema}:{table}:{a}'])];
    expect(origins(exact, 'row:shop:users:7').map(brief)).toEqual(['rules[0] template key 1']);
    expect(origins(exact, 'row:other:users:7')).toEqual([]);
    const pattern = [
      rule('rules[0]', ['row:{schema}:{a}'], {
        tables: { kind: 'pattern', text: 'tenant_*.users', schema: 'tenant_.*', table: 'users' },
      }),
    ];
    expect(origins(pattern, 'row:tenant_1:7').map(brief)).toEqual(['rules[0] template key 1']);
    expect(origins(pattern, 'row:shop:7').map(brief)).toEqual(['rules[0] scope']);
  });

  it('tell sets, their members, counters, lookups, outboxes and comments apart', () => {
    const rules: Rule[] = [
      rule('rules[0]', [], { keysFromSet: [template('deps:{a}')] }),
      rule('rules[1]', ['price:{a}'], { generation: template('gen:prices') }),
      rule('rules[2]', ['product:{lookup.id}'], {
        lookup: { sql: 'SELECT 1', parameters: ['a'], maxKeys: 1, timeout: 1, cache: 0 },
      }),
      {
        kind: 'outbox',
        id: 'rules[3]',
        table: TABLE,
        keyColumn: 'k',
        prefixes: ['page:'],
        guard: { kind: 'none' },
      },
    ];
    const always = ['rules[0] member', 'rules[3] outbox', 'hint'];
    expect(origins(rules, 'other', true).map(brief)).toEqual(always);
    expect(origins(rules, 'deps:7', true).map(brief)).toEqual(['rules[0] template set 1', ...always]);
    expect(origins(rules, 'gen:prices').map(brief)).toContain('rules[1] scope');
    const counter = [rule('rules[0]', [], { generation: template('gen:{a}') })];
    expect(origins(counter, 'gen:7').map(brief)).toEqual(['rules[0] template generation 1']);
    expect(origins(rules, 'product:7').map(brief)).toContain('rules[2] template key 1');
    expect(origins(rules, 'page:7')).toContainEqual(expect.objectContaining({ prefix: 'page:' }));
    const truncates = [rule('rules[0]', ['user:{a}'], { on: new Set(['truncate']) })];
    expect(origins(truncates, 'user:7').map(brief)).toEqual(['rules[0] scope']);
    expect(origins([rule('rules[0]', ['user:{a}'])], 'product:7')).toEqual([]);
  });
});
