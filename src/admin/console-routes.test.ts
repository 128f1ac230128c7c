import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createAdminServer } from './http-server.ts';

async function get(path: string, method = 'GET') {
  const server = createAdminServer({
    host: '127.0.0.1',
    port: 0,
    handlers: {
      contentType: 'text/plain',
      metrics: () => Promise.resolve(''),
      health: () => ({ ready: true, live: true, reasons: [] }),
      status: () => ({ client_id: 'shop' }),
      history: (since) => ({ interval_ms: 3000, samples: [{ at: since + 1 }] }),
      reload: () => Promise.resolve({ result: 'unchanged' }),
    },
    log: { error: () => undefined },
    closeGraceMs: 0,
  });
  const { port } = await server.listen();
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, redirect: 'manual' });
    return { status: response.status, headers: response.headers, body: await response.text() };
  } finally {
    await server.close();
  }
}

const files = (await readdir(new URL('./console/', import.meta.url))).filter((name) =>
  /\.(?:js|css)$/.test(name),
);

describe('the console', () => {
  it('is a page that the index names', async () => {
    expect((await get('/')).body).toMatch(/^\/console /m);
    const { status, headers, body } = await get('/console');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(body).toContain('<title>unstale</title>');
    expect((await get('/console/')).headers.get('location')).toBe('../console');
    expect(await get('/console', 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(await get('/console', 'POST')).toMatchObject({ status: 405 });
  });

  it('lets a browser load, run and ask nothing from elsewhere, nor show it inside of another page', async () => {
    const { headers, body } = await get('/console');
    const policy = new Map(
      (headers.get('content-security-policy') ?? '').split('; ').map((part) => {
        const [name = '', ...values] = part.split(' ');
        return [name, values.join(' ')];
      }),
    );
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'connect-src': "'self'",
      'img-src': "'self' data:",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    // What the policy would refuse is not there to begin with.
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
    expect(body.replaceAll(/http:\/\/www\.w3\.org\/2000\/svg/g, '')).not.toMatch(/https?:|\/\//);
  });

  it.each(files)('serves %s as it is', async (name) => {
    const { status, headers, body } = await get(`/console/${name}`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(name.endsWith('.js') ? /^text\/javascript/ : /^text\/css/);
    expect(body.split('\n').length).toBeLessThan(400);
    if (name.endsWith('.js')) expect(body).not.toMatch(/\binnerHTML\b|\beval\b|document\.write/);
  });

  it.each([
    '/console/index.html',
    '/console/tsconfig.json',
    '/console/data.d.ts',
    '/console/../http-server.ts',
    '/console/..%2fhttp-server.ts',
    '/console/%2e%2e/http-server.ts',
  ])('serves nothing else: %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('gives the state, and the samples after a moment', async () => {
    const { status, body } = await get('/console/data?since=41');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({
      now: expect.any(Number),
      status: { client_id: 'shop' },
      interval_ms: 3000,
      samples: [{ at: 42 }],
    });
    expect((await get('/console/data?since=yesterday')).status).toBe(400);
  });
});
