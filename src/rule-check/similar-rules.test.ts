import { describe, expect, it } from 'vitest';
import type { RuleCondition } from '../mapping/condition.ts';
import { ALL_EVENTS } from '../mapping/rule.ts';
import type { TableRule } from '../mapping/rule.ts';
import { parseTemplate } from '../mapping/template.ts';
import type { KeyTemplate } from '../mapping/template.ts';
import { checkEvents } from './check-conditions.ts';
import { fullScans } from './query-plan.ts';
import { checkCollisions, checkDuplicates } from './similar-rules.ts';

function template(text: string): KeyTemplate {
  const parsed = parseTemplate(text, { constant: true });
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.template;
}

type GivenRule = Partial<TableRule> & { readonly templates: readonly string[] };

function rules(...given: readonly GivenRule[]): TableRule[] {
  return given.map(({ templates, ...more }, index) => ({
    kind: 'table',
    id: `rules[${index}]`,
    tables: { kind: 'exact', table: { schema: 'shop', table: 'users' } },
    on: new Set(ALL_EVENTS),
    keys: templates.map(template),
    keysFromSet: [],
    action: { kind: 'delete', guard: { kind: 'none' } },
    ...more,
  }));
}

const image = (value: string): RuleCondition => ({
  image: [{ column: 'status', tests: [{ op: 'eq', value }] }],
});

describe('rules that give the same keys', () => {
  const duplicates = (...given: readonly GivenRule[]): string[] =>
    checkDuplicates(rules(...given)).map(({ message }) => message);

  it('are reported once, the later or the narrower one', () => {
    const [first, ...others] = duplicates(
      { templates: ['user:{id}'], on: new Set(['insert']) },
      { templates: ['user:{id}', 'mail:{email}'] },
    );
    expect(first).toMatch(/^rules\[0\] gives no key that rules\[1\]/);
    expect(others).toEqual([]);
    const [same] = duplicates(
      { templates: ['user:{id}', 'mail:{email}'] },
      { templates: ['mail:{email}', 'user:{id}'] },
    );
    expect(same).toMatch(/^rules\[1\] gives no key that rules\[0\]/);
  });

  it('may be on the tables of a pattern', () => {
    const pattern = { kind: 'pattern', text: 'sh*.users', schema: 'sh.*', table: 'users' } as const;
    expect(
      duplicates({ templates: ['user:{id}'], tables: pattern }, { templates: ['user:{id}'] }),
    ).toHaveLength(1);
  });

  it('are not those with another condition, operation, template or counter', () => {
    expect(
      duplicates(
        { templates: ['user:{id}'], condition: image('active') },
        { templates: ['user:{id}'], condition: image('closed') },
        { templates: ['card:{id}'] },
        { templates: ['name:{id}'], generation: template('gen:a') },
        { templates: ['name:{id}'] },
        { templates: [], generation: template('gen:a') },
      ),
    ).toEqual([]);
  });
});

describe('templates that may give the same key', () => {
  const pairs = (numeric: boolean, ...texts: string[]): string[] =>
    checkCollisions(rules(...texts.map((text) => ({ templates: [text] }))), () =>
      numeric ? { min: 1, max: 20, step: 1, allowed: /[-0-9]/ } : undefined,
    ).map(({ subject }) => subject);

  it('depend on what their columns hold', () => {
    expect(pairs(false, 'user:{id}', 'user:{id}:card')).toEqual(['rules[0] rules[1]']);
    expect(pairs(true, 'user:{id}', 'user:{id}:card')).toEqual([]);
    expect(pairs(true, 'user:{id}', 'user:1{id}')).toEqual(['rules[0] rules[1]']);
    expect(pairs(false, 'user:{id}', 'product:{id}')).toEqual([]);
    expect(pairs(false, 'user:{id|sha1}', 'user:x{id}')).toEqual([]);
    expect(pairs(false, 'user:{id|sha1}', 'user:a{id}')).toEqual(['rules[0] rules[1]']);
    expect(pairs(false, 'user:{id}', 'user:{id}')).toEqual([]);
  });
});

describe('a rule on operations without rows', () => {
  const events = (on: readonly (typeof ALL_EVENTS)[number][], condition?: TableRule['condition']): string[] =>
    rules({ templates: ['user:{id}'], on: new Set(on), ...(condition === undefined ? {} : { condition }) })
      .flatMap(checkEvents)
      .map(({ severity, message }) => `${severity} ${message}`);
  const tests = [{ column: 'status', tests: [{ op: 'null' }] }] as const;

  it('never reacts if its condition asks for an image that they do not have', () => {
    expect(events(['insert'], { old: tests })[0]).toMatch(/^warning .*never reacts/);
    expect(events(['delete', 'truncate'], { new: tests })[0]).toMatch(/^warning .*never reacts/);
    expect(events(['insert', 'delete'], { old: tests, new: tests })[0]).toMatch(/^warning .*never reacts/);
    expect(events(['update'], { old: tests, new: tests })).toEqual([]);
    expect(events(['insert'], { changed: ['status'] })[0]).toMatch(/^info /);
    expect(events(['truncate'])[0]).toMatch(/^info .*TRUNCATE and the like alone/);
  });
});

describe('the plan of a query', () => {
  it('names the large tables that are read as a whole, not the parts of the statement itself', () => {
    const row = (
      table: string | null,
      type: string,
      rows: number | string | null,
    ): Record<string, unknown> => ({
      table,
      type,
      rows,
    });
    expect(
      fullScans([
        row('<derived2>', 'ALL', 9999),
        row('p', 'ALL', '5000'),
        row('q', 'index', 1000),
        row('small', 'ALL', 999),
        row('r', 'ref', 50_000),
        row(null, '', null),
      ]),
    ).toEqual([
      { table: 'p', rows: 5000 },
      { table: 'q', rows: 1000 },
    ]);
  });
});
