import { describe, expect, it } from 'vitest';
import { isLoopback } from '../runtime/loopback.ts';
import { authorize } from './authorize.ts';
import type { AuthorizeOptions } from './authorize.ts';

const TOKEN = 'a-token-of-the-shop';
const local: AuthorizeOptions = { token: undefined, listensOnLoopback: true };
const locked: AuthorizeOptions = { token: TOKEN, listensOnLoopback: false };

/** What is decided about a request: `allowed`, or the status. */
function decide(options: AuthorizeOptions, headers: Readonly<Record<string, string>>, method = 'GET') {
  const result = authorize({ method, headers: { host: '127.0.0.1:9630', ...headers } }, options);
  return result.allowed ? 'allowed' : result.status;
}

describe('with a token', () => {
  it('who sends it is let through, under any host name', () => {
    expect(decide(locked, { authorization: `Bearer ${TOKEN}` })).toBe('allowed');
    expect(decide(locked, { authorization: `bearer  ${TOKEN}`, host: 'unstale.shop.internal' })).toBe(
      'allowed',
    );
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    TOKEN,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.toUpperCase()}`,
    `Bearer ${TOKEN} ${TOKEN}`,
  ])('%j is answered with 401, on loopback too', (authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    expect(decide(locked, headers)).toBe(401);
    expect(decide({ ...locked, listensOnLoopback: true }, headers)).toBe(401);
  });

  it('the reason does not hold it', () => {
    expect(JSON.stringify(authorize({ method: 'GET', headers: {} }, locked))).not.toContain(TOKEN);
  });
});

describe('without a token', () => {
  it.each([
    'localhost',
    'LOCALHOST:9630',
    '127.0.0.1:9630',
    '127.1.2.3',
    '[::1]:9630',
    '[::ffff:127.0.0.1]:1',
  ])('a server on loopback does as it is told under the name %s', (host) => {
    expect(decide(local, { host })).toBe('allowed');
  });

  it.each([
    '',
    'shop.example',
    '127.0.0.1.shop.example',
    'localhost.shop.example',
    '10.0.0.1:9630',
    '::1',
    'a b',
  ])('the host %j is refused, for a name may be redirected here', (host) => {
    expect(decide(local, { host })).toBe(403);
  });

  it('no host is refused', () => {
    expect(authorize({ method: 'GET', headers: {} }, local).allowed).toBe(false);
  });

  it('a server that others can reach refuses, whatever is sent', () => {
    const open = { token: undefined, listensOnLoopback: false };
    expect(decide(open, {})).toBe(403);
    expect(decide(open, { authorization: 'Bearer undefined' })).toBe(403);
  });
});

describe('a web page', () => {
  const authorization = `Bearer ${TOKEN}`;

  it.each([
    'http://shop.example',
    'null',
    '',
    'http://127.0.0.1:9631',
    'http://127.0.0.1',
    'ftp://127.0.0.1:9630',
  ])('of the origin %j is refused, with the token too', (origin) => {
    expect(decide(local, { origin })).toBe(403);
    expect(decide(locked, { origin, authorization })).toBe(403);
  });

  it.each(['cross-site', 'same-site'])('is refused when the browser says that it is %s', (site) => {
    expect(decide(local, { 'sec-fetch-site': site })).toBe(403);
  });

  it('of the server itself is let through', () => {
    const own = { origin: 'http://127.0.0.1:9630', 'sec-fetch-site': 'same-origin' };
    expect(decide(local, own)).toBe('allowed');
    expect(decide(locked, { ...own, authorization })).toBe('allowed');
  });

  it('cannot be the one that sends a POST', () => {
    expect(decide(local, {}, 'POST')).toBe(403);
    expect(decide(local, { 'content-type': 'text/plain' }, 'POST')).toBe(403);
    expect(decide(local, { 'content-type': 'application/json; charset=utf-8' }, 'POST')).toBe('allowed');
    expect(decide(local, { 'x-unstale': '1' }, 'POST')).toBe('allowed');
    expect(decide(locked, { authorization }, 'POST')).toBe(403);
    expect(decide(locked, { authorization, 'x-unstale': '1' }, 'POST')).toBe('allowed');
  });
});

it('loopback is what leads to this machine only', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'localhost.example', ''].some(isLoopback)).toBe(
    false,
  );
});
