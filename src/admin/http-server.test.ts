import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { UnstaleError } from '../errors/unstale-error.ts';
import { createAdminServer } from './http-server.ts';
import type { AdminHandlers, OperatorHandlers } from './handlers.ts';
import type { AdminServer } from './http-server.ts';

const servers: AdminServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** What the operator routes have asked for. */
const asked: string[] = [];
const operator: OperatorHandlers = {
  pause: () => {
    asked.push('pause');
    return { result: 'paused', since: 'now' };
  },
  resume: () => ({ result: 'running' }),
  setLogLevel: (level, forMs) => {
    asked.push(`${level} ${forMs}`);
    return { result: 'set', level };
  },
  rewind: (moment) => {
    asked.push(`rewind ${new Date(moment).toISOString()}`);
    return moment > 0
      ? Promise.resolve({ result: 'rewound' })
      : Promise.resolve({ result: 'refused', code: 'UNSTALE_HISTORY_TOO_SHORT', message: 'none' });
  },
  wait: (target, timeoutMs, signal) => {
    asked.push(`wait ${JSON.stringify(target)} ${timeoutMs}`);
    const answer = { applied: 'f:4', missing: '' };
    if (target.gtid === 'unknown') return Promise.resolve({ ...answer, result: 'unknown' });
    if (target.gtid !== 'for-ever') return Promise.resolve({ ...answer, result: 'applied' });
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        asked.push('gone');
        resolve({ ...answer, result: 'timeout' });
      });
    });
  },
};

const working: AdminHandlers = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  metrics: () => Promise.resolve('unstale_transactions_total 1\n'),
  health: () => ({ ready: true, live: true, reasons: [] }),
  status: () => ({ client_id: 'shop', position: 'binlog.000002:157' }),
  history: () => ({ samples: [] }),
  reload: () => Promise.resolve({ result: 'unchanged' }),
};

function create(
  handlers: Partial<AdminHandlers> = {},
  address: { host: string; port: number; token?: string } = { host: '127.0.0.1', port: 0 },
) {
  const log = { error: vi.fn() };
  const server = createAdminServer({
    ...address,
    handlers: { ...working, ...handlers },
    operator,
    log,
    closeGraceMs: 0,
  });
  servers.push(server);
  return { server, log };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(port: number, path: string, method = 'GET', agent?: Agent): Promise<Reply> {
  const headers = { 'x-unstale': '1' };
  const sent = request({ host: '127.0.0.1', port, path, method, headers, ...(agent ? { agent } : {}) });
  sent.end();
  return new Promise((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
  });
}

async function get(path: string, handlers: Partial<AdminHandlers> = {}, method = 'GET'): Promise<Reply> {
  const { server } = create(handlers);
  const { port } = await server.listen();
  return ask(port, path, method);
}

describe('the admin server reloads', () => {
  it('on POST only, and says what became of it', async () => {
    expect(await get('/reload')).toMatchObject({ status: 405 });
    const applied = await get('/reload', { reload: () => Promise.resolve({ result: 'applied' }) }, 'POST');
    expect(applied).toMatchObject({ status: 200, body: expect.stringContaining('applied') });
    const refused = await get('/reload', { reload: () => Promise.resolve({ result: 'refused' }) }, 'POST');
    expect(refused.status).toBe(422);
  });

  it('with what the query says of invalidation, and nothing else', async () => {
    const asked: (boolean | undefined)[] = [];
    const reload: AdminHandlers['reload'] = (invalidate) => {
      asked.push(invalidate);
      return Promise.resolve({ result: 'applied' });
    };
    for (const query of ['', '?invalidate=true', '?invalidate=false']) {
      await get(`/reload${query}`, { reload }, 'POST');
    }
    expect(asked).toEqual([undefined, true, false]);
    expect(await get('/reload?invalidate=yes', { reload }, 'POST')).toMatchObject({ status: 400 });
    expect(asked).toHaveLength(3);
  });

  it('for nobody who may not', async () => {
    const { server } = create({}, { host: '127.0.0.1', port: 0, token: 'secret-token-1' });
    const { port } = await server.listen();
    expect(await ask(port, '/reload', 'POST')).toMatchObject({ status: 401 });
    expect(await ask(port, '/status')).toMatchObject({ status: 200 });
  });
});

describe('the admin server lets operators', () => {
  afterEach(() => void asked.splice(0));

  it('pause, resume, change the log level and go back, by POST only', async () => {
    expect(await get('/pause')).toMatchObject({ status: 405 });
    expect(asked).toEqual([]);
    for (const path of [
      '/pause',
      '/resume',
      '/log-level?level=debug&for=10m',
      '/position/rewind?to=1970-01-01T00:00:01%2B00:00',
      '/position/rewind?by=1m',
    ]) {
      expect(await get(path, {}, 'POST')).toMatchObject({ status: 200 });
    }
    expect(asked.slice(0, 3)).toEqual(['pause', 'debug 600000', 'rewind 1970-01-01T00:00:01.000Z']);
    expect(await get('/position/rewind?to=1970-01-01T00:00Z', {}, 'POST')).toMatchObject({
      status: 422,
      body: expect.stringContaining('UNSTALE_HISTORY_TOO_SHORT'),
    });
  });

  it.each([
    '/pause?now=1',
    '/log-level',
    '/log-level?level=loud',
    '/log-level?level=debug&for=0s',
    '/log-level?level=debug&for=900d',
    '/position/rewind',
    '/position/rewind?by=ten',
    '/position/rewind?by=1m&to=1970-01-01T00:00Z',
    '/position/rewind?to=2026-11-29T21:00',
    '/position/rewind?to=yesterday',
  ])('do nothing by mistake: %s', async (path) => {
    const { status, body } = await get(path, {}, 'POST');
    expect(status).toBe(400);
    expect(JSON.parse(body)).toEqual({ error: expect.any(String) });
    expect(asked).toEqual([]);
  });

  it('wait, for as long as one request may, and not after they have gone', async () => {
    const { server } = create();
    const { port } = await server.listen();
    expect(await ask(port, '/wait?gtid=0-1-5')).toMatchObject({ status: 200 });
    expect(await ask(port, '/wait?position=binlog.000001:4&timeout=500h')).toMatchObject({ status: 200 });
    expect(await ask(port, '/wait?gtid=unknown')).toMatchObject({ status: 409 });
    expect(asked[1]).toBe('wait {"place":{"file":"binlog.000001","offset":4}} 10000');
    for (const query of [
      '',
      '?gtid=1&position=2',
      '?position=binlog.000001',
      '?gtid=0-1-5&timeout=1',
      '?gtids=0-1-5',
    ]) {
      expect(await ask(port, `/wait${query}`)).toMatchObject({ status: 400 });
    }
    expect(await ask(port, '/wait?gtid=0-1-5', 'POST')).toMatchObject({ status: 405 });
    const leaving = connect({ host: '127.0.0.1', port });
    leaving.write('GET /wait?gtid=for-ever HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await vi.waitUntil(() => asked.some((line) => line.includes('for-ever')));
    leaving.destroy();
    await vi.waitUntil(() => asked.includes('gone'));
  });

  it('do nothing without the token', async () => {
    const { server } = create({}, { host: '127.0.0.1', port: 0, token: 'secret-token-1' });
    const { port } = await server.listen();
    for (const path of ['/pause', '/resume', '/log-level?level=debug', '/position/rewind?by=1m']) {
      expect(await ask(port, path, 'POST')).toMatchObject({ status: 401 });
    }
    expect(await ask(port, '/wait?gtid=0-1-5')).toMatchObject({ status: 401 });
    expect(asked).toEqual([]);
  });
});

describe('the admin server answers', () => {
  it('/metrics with the text and content type of the registry', async () => {
    const reply = await get('/metrics');
    expect(reply).toMatchObject({ status: 200, body: 'unstale_transactions_total 1\n' });
    expect(reply.headers['content-type']).toBe(working.contentType);
  });

  it('/status as JSON', async () => {
    const reply = await get('/status');
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(reply.body)).toEqual({ client_id: 'shop', position: 'binlog.000002:157' });
  });

  it('/ with a list of its paths', async () => {
    const reply = await get('/');
    expect(reply.status).toBe(200);
    for (const path of ['/metrics', '/livez', '/readyz', '/status']) expect(reply.body).toContain(path);
  });

  it.each(['/livez', '/readyz'])('%s with 200 and no reasons while all is well', async (path) => {
    const reply = await get(path);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toEqual({ status: 'ok', reasons: [] });
  });

  it('/readyz with 503 and the reasons, and /livez still with 200', async () => {
    const { server } = create({
      health: () => ({ ready: false, live: true, reasons: ['Redis is not reachable.'] }),
    });
    const { port } = await server.listen();
    const ready = await ask(port, '/readyz');
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toEqual({ status: 'unavailable', reasons: ['Redis is not reachable.'] });
    const live = await ask(port, '/livez');
    expect(live.status).toBe(200);
    expect(JSON.parse(live.body)).toEqual({ status: 'ok', reasons: [] });
  });

  it('/livez with 503 after a fatal error', async () => {
    const reply = await get('/livez', { health: () => ({ ready: false, live: false, reasons: ['Gone.'] }) });
    expect(reply.status).toBe(503);
    expect(JSON.parse(reply.body)).toEqual({ status: 'unavailable', reasons: ['Gone.'] });
  });

  it('HEAD as GET without the body', async () => {
    const [got, head] = [await get('/status'), await get('/status', {}, 'HEAD')];
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe(got.headers['content-length']);
    expect(head.headers['content-type']).toBe(got.headers['content-type']);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s with 405, and names what is allowed', async (method) => {
    const reply = await get('/metrics', {}, method);
    expect(reply.status).toBe(405);
    expect(reply.headers.allow).toBe('GET, HEAD');
    expect(reply.headers.connection).toBe('close');
  });

  it.each(['/nothing', '/metrics/', '//metrics', '/%2e%2e/metrics'])('%s with 404', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('a path with a query as without', async () => {
    expect((await get('/readyz?verbose=1')).status).toBe(200);
  });

  it.each(['/', '/metrics', '/livez', '/readyz', '/status', '/nothing'])(
    '%s so that nobody stores it',
    async (path) => {
      expect((await get(path)).headers['cache-control']).toBe('no-store');
    },
  );

  it.each<[string, Partial<AdminHandlers>]>([
    ['/metrics', { metrics: () => Promise.reject(new Error('hunter2')) }],
    [
      '/status',
      {
        status: () => {
          throw new Error('hunter2');
        },
      },
    ],
  ])('%s with 500 when it cannot be made; the reason goes to the log only', async (path, handlers) => {
    const { server, log } = create(handlers);
    const { port } = await server.listen();
    const reply = await ask(port, path);
    expect(reply.status).toBe(500);
    expect(reply.body).not.toContain('hunter2');
    expect(log.error).toHaveBeenCalledOnce();
    expect((await ask(port, '/livez')).status).toBe(200);
  });
});

describe('the admin server listens', () => {
  it('on the address that it reports', async () => {
    const { server } = create();
    const address = await server.listen();
    expect(address.host).toBe('127.0.0.1');
    expect(address.port).toBeGreaterThan(0);
  });

  it('or names the address that another process uses', async () => {
    const { port } = await create().server.listen();
    const failure = create({}, { host: '127.0.0.1', port }).server.listen();
    await expect(failure).rejects.toThrow(UnstaleError);
    await expect(failure).rejects.toMatchObject({
      code: 'UNSTALE_ADMIN_LISTEN',
      message: `the admin server cannot listen on 127.0.0.1:${port}: another process uses this address`,
    });
  });

  it('or names the address that this machine does not have', async () => {
    // 192.0.2.0/24 is reserved for documentation (RFC 5737).
    const failure = create({}, { host: '192.0.2.1', port: 0 }).server.listen();
    await expect(failure).rejects.toMatchObject({
      code: 'UNSTALE_ADMIN_LISTEN',
      message: 'the admin server cannot listen on 192.0.2.1:0: this machine does not have this address',
    });
  });
});

describe('closing the admin server', () => {
  it('ends connections that are kept alive', async () => {
    const { server } = create();
    const { port } = await server.listen();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask(port, '/livez', 'GET', agent);
    const [socket] = Object.values(agent.freeSockets).flat();
    expect(socket).toBeDefined();
    const ended = socket && once(socket, 'close');
    await server.close();
    await ended;
    agent.destroy();
    await expect(ask(port, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends a connection that never sent a request', async () => {
    const { server } = create();
    const { port } = await server.listen();
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    socket.resume();
    await server.close();
    await ended;
  });

  it('is safe before listening and twice', async () => {
    const { server } = create();
    await server.close();
    await server.close();
  });
});
