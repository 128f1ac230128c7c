import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createAdminServer } from './http-server.ts';
import { TailHub } from './tail.ts';
import type { TailHubOptions } from './tail.ts';
import type { TailedCommand } from './tail-filter.ts';

type Line = Readonly<Record<string, unknown>>;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function serve(options: TailHubOptions = {}, token?: string) {
  const tail = new TailHub(options);
  const server = createAdminServer({
    host: '127.0.0.1',
    port: 0,
    ...(token === undefined ? {} : { token }),
    tail,
    handlers: {
      contentType: 'text/plain',
      metrics: () => Promise.resolve(''),
      health: () => ({ ready: true, live: true, reasons: [] }),
      status: () => ({}),
      history: () => ({}),
      reload: () => Promise.resolve({ result: 'unchanged' }),
    },
    log: { error: vi.fn() },
    closeGraceMs: 500,
  });
  closers.push(() => server.close());
  const { port } = await server.listen();
  const ask = async (path = '/tail', method = 'GET'): Promise<IncomingMessage> => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false });
    sent.end();
    const [response]: IncomingMessage[] = await once(sent, 'response');
    return response!;
  };
  const follow = async (query = '') => reader(await ask(`/tail${query}`));
  return { tail, server, ask, follow };
}

/** The lines of a stream but the signs of life. */
function reader(response: IncomingMessage) {
  const lines: Line[] = [];
  let beats = 0;
  const input = createInterface({ input: response });
  input.on('line', (text) => {
    const line: Line = JSON.parse(text);
    if ('heartbeat' in line) beats += 1;
    else lines.push(line);
  });
  const ended = once(input, 'close');
  return { response, lines, ended, beats: () => beats };
}

const user = (id: number | string): TailedCommand => ({
  kind: 'delete',
  rule: 'rules[0]',
  key: `user:${id}`,
});
const order = (id: number): TailedCommand => ({ kind: 'delete', rule: 'rules[1]', key: `order:${id}` });
const scope = (pattern: string): TailedCommand => ({
  kind: 'scope',
  rule: 'rules[0]',
  pattern,
  reason: 'truncate',
});

function apply(tail: TailHub, ...commands: readonly TailedCommand[]): void {
  tail.applied({ commands, resultOf: () => 'removed', oldestCommitAt: Date.now() - 5 });
}

describe('a tail', () => {
  it('shows what is applied, as JSON', async () => {
    const { tail, follow } = await serve();
    expect(tail.isIdle).toBe(true);
    const { response, lines } = await follow();
    expect(response.headers['content-type']).toMatch(/^application\/x-ndjson/);
    expect(tail.isIdle).toBe(false);
    apply(tail, user(7), scope('user:*'));
    await eventually('both lines are there', () => lines.length === 2);
    const common = { at: expect.stringMatching(/^\d{4}-.*Z$/), rule: 'rules[0]', result: 'removed' };
    expect(lines).toEqual([
      { ...common, kind: 'delete', key: 'user:7', lag_ms: expect.any(Number) },
      { ...common, kind: 'scope', pattern: 'user:*', reason: 'truncate', lag_ms: expect.any(Number) },
    ]);
  });

  it.each([
    ['', ['user:1', 'user:12', 'order:1', 'user:*']],
    ['?rule=rules[1]', ['order:1']],
    ['?rule=rules[0]&rule=rules[1]', ['user:1', 'user:12', 'order:1', 'user:*']],
    ['?key=user:*', ['user:1', 'user:12', 'user:*']],
    ['?key=user:1', ['user:1', 'user:*']],
    ['?key=order:%3F', ['order:1']],
    ['?rule=rules%5B1%5D&key=user:*', []],
  ])(
    'with %j shows what is asked for, and all keys of a pattern that may be among it',
    async (query, expected) => {
      const { tail, follow } = await serve();
      const { lines, ended } = await follow(query);
      apply(tail, user(1), user(12), order(1), scope('user:*'));
      tail.close();
      await ended;
      expect(lines.slice(0, -1).map(({ key, pattern }) => key ?? pattern)).toEqual(expected);
    },
  );

  it('that is not read loses lines, is told how many, and goes on', async () => {
    const mostWaiting = 20_000;
    const { tail, follow } = await serve({ mostWaiting });
    const { response, lines } = await follow();
    response.pause();
    const key = 'x'.repeat(1000);
    let sent = 0;
    // More than the system and the hub keep for a reader, however much that is.
    for (let round = 0; round < 40; round += 1) {
      const batch = Array.from({ length: 500 }, () => user(`${(sent += 1)}:${key}`));
      apply(tail, ...batch);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.resume();
    const told = (): number => lines.reduce((sum, { dropped }) => sum + (Number(dropped) || 0), 0);
    const shown = (): number => lines.filter(({ kind }) => kind === 'delete').length;
    await eventually('every line is shown or told to be lost', () => shown() + told() === sent);
    expect(told()).toBeGreaterThan(0);
    apply(tail, user('last'));
    await eventually('it goes on', () => lines.at(-1)?.['key'] === 'user:last');
  });

  it('never has more waiting than it may, not even one long line', async () => {
    const { tail, follow } = await serve({ mostWaiting: 1000 });
    const { lines } = await follow();
    apply(tail, user('x'.repeat(2000)), user(1));
    await eventually('the short line is there', () => lines.some(({ key }) => key === 'user:1'));
    expect(lines).toMatchObject([{ dropped: 1 }, { key: 'user:1' }]);
  });

  it('gets signs of life', async () => {
    const { follow } = await serve({ heartbeat: 5 });
    const { beats } = await follow();
    await eventually('some have come', () => beats() > 2);
  });

  it('that takes nothing for long is ended', async () => {
    const { tail, follow } = await serve({ heartbeat: 2, mostWaiting: 32_000_000 });
    const { response } = await follow();
    response.pause();
    apply(tail, ...Array.from({ length: 16 }, (_, n) => user(`${n}:${'x'.repeat(1_000_000)}`)));
    await eventually('it is given up', () => tail.isIdle);
  });

  it('that goes away leaves its place to another', async () => {
    const { tail, ask, follow } = await serve({ mostTails: 2 });
    const first = await follow();
    await follow();
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(JSON.parse((await refused.toArray()).join(''))).toEqual({
      error: '2 readers follow already; end one of them.',
    });
    first.response.destroy();
    await eventually('there is a place again', async () => {
      const { response } = await follow();
      return response.statusCode === 200;
    });
    expect(tail.isIdle).toBe(false);
  });

  it('ends with the server, and says so', async () => {
    const { server, follow } = await serve();
    const { lines, ended } = await follow();
    await server.close();
    await ended;
    expect(lines).toMatchObject([{ end: 'the daemon stops' }]);
  });

  it('is not for who may not read it', async () => {
    const { tail, ask } = await serve({}, 'a-token-of-the-shop');
    expect((await ask()).statusCode).toBe(401);
    expect((await ask('/status')).statusCode).toBe(200);
    expect(tail.isIdle).toBe(true);
  });

  it.each(['?keys=user:*', '?key=a&key=b', `?key=${'x'.repeat(300)}`])(
    'with %j is refused',
    async (query) => {
      const { ask } = await serve();
      expect((await ask(`/tail${query}`)).statusCode).toBe(400);
    },
  );

  it('is for GET only', async () => {
    const { ask } = await serve();
    expect(await ask('/tail', 'POST')).toMatchObject({ statusCode: 405, headers: { allow: 'GET' } });
  });
});
