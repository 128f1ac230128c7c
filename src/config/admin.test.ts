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

const listening = (listen: string, more = ''): string => `client_id: shop
source: {url: "mysql://unstale@db"}
redis: {url: "redis://cache"}
rules: [{table: shop.users, key: "user:{id}"}]
admin:
  listen: ${JSON.stringify(listen)}
${more}`;

describe('admin.listen', () => {
  it.each(['0.0.0.0:9630', '[::]:9630', '10.1.2.3:9630', 'daemon.example:9630'])(
    '%s is refused without a token, where it stands and with what to do',
    async (listen) => {
      expect(await problemsOf(listening(listen))).toEqual([
        expect.objectContaining({
          path: 'admin.listen',
          line: 6,
          message: expect.stringContaining('no admin.token'),
          remedy: expect.stringContaining('set admin.token'),
        }),
      ]);
      const config = await loadText(listening(listen, '  token: a-token-of-the-shop'));
      expect(config.admin).toMatchObject({ token: 'a-token-of-the-shop' });
    },
  );

  it.each(['127.0.0.1:9630', '127.9.9.9:1', '[::1]:9630', 'localhost:0', 'off'])(
    '%s needs none',
    async (listen) => {
      await expect(loadText(listening(listen))).resolves.toBeDefined();
    },
  );
});
