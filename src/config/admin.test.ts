import { describe, expect, it } from 'vitest';
import { loadText, problemsOf } from '../../test/support/config-text.ts';

const configured = (token: string): string => `client_id: shop
source: {url: "mysql://unstale@db"}
redis: {url: "redis://cache"}
rules: [{table: shop.users, key: "user:{id}"}]
admin: {token: ${JSON.stringify(token)}}
`;

describe('admin.token', () => {
  it('is taken as it stands, and an empty one is none', async () => {
    expect((await loadText(configured('a-token_with+16/signs'))).admin?.token).toBe('a-token_with+16/signs');
    expect((await loadText(configured(''))).admin?.token).toBeUndefined();
  });

  it.each(['short', 'with spaces in between', 'mit Umlauten-äöü-äöü', 'a-line-break-at-the-end\n'])(
    '%j is refused',
    async (token) => {
      const problems = await problemsOf(configured(token));
      expect(problems.map(({ path }) => path)).toEqual(['admin.token']);
      expect(JSON.stringify(problems)).not.toContain(token);
    },
  );
});
