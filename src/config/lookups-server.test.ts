import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../test/support/config-text.ts';

const LOOKUP =
  '{table: shop.categories, lookup: "SELECT id FROM shop.products WHERE category_id = :id", key: "p:{lookup.id}"}';

const problems = (source: string, lookups = '', rule = LOOKUP) =>
  problemsOf(
    `client_id: shop\nsource: {url: "mysql://unstale@DB"${source}}\nredis: {url: "redis://cache"}\n` +
      `rules: [${rule}]\n${lookups}`,
  );

describe('the server of lookups', () => {
  it.each([
    ['is the source', '', ''],
    ['is the source by another spelling', '', 'lookups: {url: "mysql://unstale@db:3306"}'],
    [
      'is in the list',
      ', barrier: ["mysql://db", "mysql://replica:3307"]',
      'lookups: {url: "mysql://unstale@replica:3307"}',
    ],
    ['is anywhere without a barrier', ', barrier: none', 'lookups: {url: "mysql://unstale@replica"}'],
  ])('%s', async (_what, source, lookups) => {
    expect(await problems(source, lookups)).toEqual([]);
  });

  it('may be any as long as no rule has a lookup', async () => {
    const rule = '{table: shop.users, key: "user:{id}"}';
    expect(await problems('', 'lookups: {url: "mysql://unstale@replica"}', rule)).toEqual([]);
  });

  it.each([
    ['beside the source', '', 'lookups: {url: "mysql://unstale@replica"}', 5],
    ['that is the source, which is not in the list', ', barrier: ["mysql://replica"]', '', 2],
  ])('%s has to be one that the barrier asks', async (_what, source, lookups, line) => {
    const [problem, ...others] = await problems(source, lookups);
    expect(others).toEqual([]);
    expect(problem?.line).toBe(line);
    expect(problem?.message).toContain('may not have the change yet');
  });
});
