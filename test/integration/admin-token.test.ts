import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const OPEN = ['/', '/metrics', '/livez', '/readyz', '/status'];
const { mysql, redis } = inject('servers');
const [server] = mysql;

/** The status that a path answers with, with exactly these headers. */
async function statusOf(daemon: DaemonProcess, path: string, headers: Record<string, string> = {}) {
  const ending = new AbortController();
  const response = await fetch(new URL(path, daemon.adminUrl), { headers, signal: ending.signal });
  ending.abort();
  return response.status;
}

describe('the admin server of a daemon', () => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server!, redis.url);
  });
  afterAll(async () => {
    await shop.close();
  });

  async function start(admin: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
    daemon = await startDaemon(shop.config({ rest: { admin } }), { env });
    await daemon.ready();
  }

  it('with a token asks for it where keys are shown, and nowhere else', async () => {
    const token = 'from-the-environment';
    await start({ token: '${UNSTALE_TEST_TOKEN}' }, { UNSTALE_TEST_TOKEN: token });
    for (const path of OPEN) expect(await statusOf(daemon, path)).toBe(200);
    expect(await statusOf(daemon, '/tail')).toBe(401);
    expect(await statusOf(daemon, '/tail', { authorization: 'Bearer wrong' })).toBe(401);
    expect(await statusOf(daemon, '/tail', { authorization: `Bearer ${token}` })).toBe(200);
    const page = { authorization: `Bearer ${token}`, origin: 'http://shop.example' };
    expect(await statusOf(daemon, '/tail', page)).toBe(403);
    await daemon.stop();
    expect(daemon.output()).not.toContain(token);
  });

  it('without one shows keys to callers on its machine, under its own name', async () => {
    await start({});
    expect(await statusOf(daemon, '/tail')).toBe(200);
    expect(await statusOf(daemon, '/tail', { origin: 'http://shop.example' })).toBe(403);
    expect(await statusOf(daemon, '/tail', { 'sec-fetch-site': 'cross-site' })).toBe(403);
    const { port } = new URL(daemon.adminUrl);
    await daemon.stop();

    // Where others can connect, none of this is left to chance.
    const open = await startDaemon(shop.config({ rest: { admin: { listen: `0.0.0.0:${port}` } } }));
    expect(await open.exited).toMatchObject({ code: 2 });
    expect(open.output()).toMatch(/admin\.listen.*no admin\.token/);
    const checked = await runCli(['check', '-c', open.configFile]);
    expect(checked).toMatchObject({ code: 2, stderr: expect.stringContaining('set admin.token') });

    const token = 'a-token-of-the-shop';
    await start({ listen: `0.0.0.0:${port}`, token });
    expect((await fetch(`http://127.0.0.1:${port}/tail`)).status).toBe(401);
    expect((await fetch(`http://127.0.0.1:${port}/status`)).status).toBe(200);
    await daemon.stop();
  });
});
