import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../test/support/config-text.ts';
import { formatProblem } from './errors.ts';

async function messages(...lines: readonly string[]): Promise<string> {
  const rule = ['table: shop.products', ...lines].join('\n    ');
  const text = `client_id: shop
source:
  url: mysql://unstale@db
redis:
  url: redis://cache
rules:
  - ${rule}
`;
  return (await problemsOf(text)).map(formatProblem).join('\n');
}

const LOOKUP = 'lookup: SELECT id FROM shop.products WHERE category_id = :id';

describe('a generation', () => {
  it('beside keys has a counter for every row, also for one with NULL', async () => {
    expect(await messages('key: product:{id}', 'generation: products:{category}')).toContain('NULL');
    expect(await messages('key: product:{id}', 'generation: "products:{category|default:none}"')).toBe('');
    expect(await messages('key: product:{id}', 'generation: products:{table}')).toBe('');
  });

  it('without keys may have one for some rows', async () => {
    expect(await messages('generation: products:{category}')).toBe('');
  });

  it('names results of a lookup only where there is one, and then no columns of the row instead of keys', async () => {
    expect(await messages('generation: products:{lookup.id}')).toContain(
      'lookup that the rule does not have',
    );
    expect(await messages(LOOKUP, 'generation: products:{lookup.id}')).toBe('');
    expect(await messages(LOOKUP, 'generation: products:{id}')).toContain('beside a lookup');
  });
});
