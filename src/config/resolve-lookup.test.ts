import { describe, expect, it } from 'vitest';
import { loadText, problemsOf } from '../../test/support/config-text.ts';

const LOOKUP = 'lookup: SELECT id FROM shop.products WHERE category_id = :id';

const text = (...fields: string[]): string =>
  'client_id: shop\nsource: {url: "mysql://unstale@db"}\nredis: {url: "redis://cache"}\n' +
  `rules:\n  - table: shop.categories\n${fields.map((field) => `    ${field}\n`).join('')}`;

describe('a rule with a lookup', () => {
  it.each([
    ['key: "product:{lookup.id}"'],
    ['keys: ["product:{lookup.id}", "p:{lookup.`odd name`|lower}"]'],
    ['keys_from_set: "tag:{lookup.id}"'],
    ['generation: "gen:{lookup.id}"'],
    ['key: "product:{lookup.id}"', 'generation: "gen:{schema}"'],
  ])('may have %s %s', async (...fields) => {
    const { plan } = await loadText(text(LOOKUP, ...fields.filter((field) => field !== undefined)));
    expect(plan.lookups[0]?.columns).toContain('id');
  });

  it.each([
    ['key: "product:{id}"', 'rules[0].key', 'beside a lookup'],
    ['key: "product:{schema}:{lookup.id}"', 'rules[0].key', 'or its table, beside a lookup'],
    ['keys: ["product:{lookup.id}", "t:{table}:{lookup.id}"]', 'rules[0].keys', 'or its table'],
    ['keys_from_set: "tag:{id}:{lookup.id}"', 'rules[0].keys_from_set', 'beside a lookup'],
    ['generation: "gen:{id}"', 'rules[0].generation', 'beside a lookup'],
    ['keys_from_set: all', 'rules[0].keys_from_set', "no column of the lookup's result"],
    ['generation: gen', 'rules[0].generation', "no column of the lookup's result"],
  ])('may not have %s', async (field, path, message) => {
    const [problem, ...others] = await problemsOf(text(LOOKUP, field));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ path, message: expect.stringContaining(message) });
  });
});

describe('a set beside keys of a lookup', () => {
  it('comes from its result too: one of all rows would stay where that is empty', async () => {
    const fields = ['key: "product:{lookup.id}"', 'keys_from_set: all-pages'];
    const [problem, ...others] = await problemsOf(text(LOOKUP, ...fields));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      path: 'rules[0].keys_from_set',
      message: expect.stringContaining('no column of the lookup'),
    });
  });
});

describe('a rule without a lookup', () => {
  it.each([
    ['key: "product:{lookup.id}"', 'rules[0].key'],
    ['generation: "gen:{lookup.id}"', 'rules[0].generation'],
  ])('may not have %s', async (field, path) => {
    const [problem, ...others] = await problemsOf(text(field));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ path, message: expect.stringContaining('does not have') });
  });

  it('may not have one in a generation beside keys', async () => {
    const [problem] = await problemsOf(text('key: "c:{id}"', 'generation: "gen:{lookup.id}"'));
    expect(problem).toMatchObject({ path: 'rules[0].generation' });
  });

  it('may not have max_keys', async () => {
    const [problem] = await problemsOf(text('key: "c:{id}"', 'max_keys: 5'));
    expect(problem).toMatchObject({ path: 'rules[0].max_keys' });
  });
});
