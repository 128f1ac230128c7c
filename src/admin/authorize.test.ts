import { describe, expect, it } from 'vitest';
import { authorize, isLoopback } from './authorize.ts';

const local = { token: undefined, listensOnLoopback: true };
const withToken = { token: 'correct horse battery', listensOnLoopback: false };

describe('an action of the admin server', () => {
  it('without a token is for who asks a loopback address by its own name', () => {
    for (const host of ['127.0.0.1:9630', 'localhost:9630', '[::1]:9630', '127.0.0.1']) {
      expect(authorize({ headers: { host } }, local)).toEqual({ allowed: true });
    }
    for (const host of ['evil.example:9630', '127.0.0.1.evil.example', '']) {
      expect(authorize({ headers: { host } }, local)).toMatchObject({ allowed: false, status: 403 });
    }
    const host = '127.0.0.1:9630';
    expect(authorize({ headers: { host } }, { ...local, listensOnLoopback: false })).toMatchObject({
      status: 403,
    });
  });

  it('with a token is for who knows it, from anywhere', () => {
    const ask = (authorization?: string) =>
      authorize(
        { headers: { host: 'unstale.internal', ...(authorization ? { authorization } : {}) } },
        withToken,
      );
    expect(ask('Bearer correct horse battery')).toMatchObject({ status: 401 });
    expect(ask(`Bearer ${withToken.token}`)).toMatchObject({ status: 401 });
    expect(ask()).toMatchObject({ status: 401 });
    const token = 'k7P-2x.Q';
    const headers = { authorization: `bearer ${token}` };
    expect(authorize({ headers }, { ...withToken, token })).toEqual({ allowed: true });
    expect(authorize({ headers }, { ...withToken, token: `${token}x` })).toMatchObject({ status: 401 });
  });

  it('is never for a web page, whatever it sends', () => {
    const headers = { host: '127.0.0.1:9630', origin: 'http://127.0.0.1:9630' };
    expect(authorize({ headers }, local)).toMatchObject({ allowed: false, status: 403 });
  });

  it('knows loopback addresses', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', ''].some(isLoopback)).toBe(false);
  });
});
