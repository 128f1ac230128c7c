import { describe, expect, it } from 'vitest';
import { loadText } from '../../test/support/config-text.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import { ratesAfter } from './rates-after.ts';

async function planOf(...rules: readonly string[]): Promise<MappingPlan> {
  const base = 'client_id: shop\nsource: {url: "mysql://a@127.0.0.1"}\nredis: {url: "redis://127.0.0.1"}\n';
  const { plan } = await loadText(`${base}rules: [${rules.map((rule) => `{${rule}}`).join(', ')}]\n`);
  return plan;
}

const users = 'table: shop.users, key: "user:{id}"';
const items = 'table: shop.items, key: "item:{id}"';

describe('limits after another plan has taken over', () => {
  it('are those of the rule that does the same, wherever it stands', async () => {
    const before = await planOf(`${users}, max_deletes_per_second: 5`, `${items}, max_deletes_per_second: 7`);
    const after = await planOf(`${items}, max_deletes_per_second: 9`, `${users}, max_deletes_per_second: 6`);
    expect([...ratesAfter(before, after)]).toEqual([
      ['rules[0]', 6],
      ['rules[1]', 9],
    ]);
  });

  it('are far away for a rule that lost its own, and unchanged for one that is gone', async () => {
    const before = await planOf(`${users}, max_deletes_per_second: 5`, `${items}, max_deletes_per_second: 7`);
    const rates = ratesAfter(before, await planOf(users));
    expect(rates.get('rules[0]')).toBeGreaterThan(1e6);
    expect(rates.has('rules[1]')).toBe(false);
  });
});
