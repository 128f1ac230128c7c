import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { act, statusOf } from '../support/operate.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { mysql, redis } = inject('servers');

describe.each(mysql)('the log of a daemon, the source is $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, redis.url);
    daemon = await startDaemon(shop.config());
    await daemon.ready();
  });
  afterAll(async () => {
    await daemon.kill();
    await shop.close();
  });

  const insert = async (from: number, count: number): Promise<void> => {
    const rows = Array.from({ length: count }, (_, at) => `(${from + at}, 'secret-${from + at}@x', 'Ada')`);
    await shop.db.query(`INSERT INTO users (id, email, name) VALUES ${rows.join()}`);
  };
  const linesSince = (start: number): Readonly<Record<string, unknown>>[] => daemon.logs.slice(start);

  it('has no line for a row, whose values it never holds, at any level', async () => {
    await shop.settled();
    const before = daemon.logs.length;
    await insert(1, 1000);
    for (let id = 2001; id <= 2050; id += 1) await insert(id, 1);
    await shop.settled();
    expect(linesSince(before)).toEqual([]);
    await act(daemon, '/log-level?level=debug');
    await insert(3001, 200);
    await shop.db.query('DELETE FROM users WHERE id > 3000');
    await shop.settled();
    expect(linesSince(before).length).toBeLessThan(50);
    await act(daemon, '/log-level?level=info');
    expect(daemon.output()).not.toMatch(/secret-\d+|Ada/);
  });

  it('names the transaction of what is rare: DDL, and what follows from it in Redis', async () => {
    await shop.db.query('TRUNCATE TABLE order_items');
    await shop.settled();
    const gtid = server.flavour === 'mysql' ? /^[\da-f-]{36}:\d+$/ : /^\d+-\d+-\d+$/;
    const lines = await Promise.all(
      ['a change without rows', 'removing all keys of scopes', 'removed all keys of scopes'].map((message) =>
        daemon.logged(message, ({ msg }) => String(msg).startsWith(message)),
      ),
    );
    expect(lines[0]?.['gtid']).toMatch(gtid);
    expect(new Set(lines.map((line) => line['gtid'])).size).toBe(1);
  });

  it('has the level that an operator sets, for a while or until the next reload', async () => {
    expect(await statusOf(daemon)).toMatchObject({ log_level: 'info' });
    const set = await runCli(['log-level', 'debug', '-c', daemon.configFile, '--for', '1h']);
    expect(set).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^the log level is debug until /),
    });
    expect(await statusOf(daemon)).toMatchObject({ log_level: 'debug' });
    await daemon.logged('it says so', (line) => line['log_level'] === 'debug');
    await reload(daemon);
    expect(await statusOf(daemon)).toMatchObject({ log_level: 'info' });

    expect(await act(daemon, '/log-level?level=error&for=300ms')).toMatchObject({
      status: 200,
      body: { level: 'error' },
    });
    await eventually('it is back', async () => (await statusOf(daemon))['log_level'] === 'info');
    await reconfigure(daemon, { log: { level: 'warn' } });
    await act(daemon, '/log-level?level=debug');
    expect(await reload(daemon)).toMatchObject({ body: { result: 'applied' } });
    expect(await statusOf(daemon)).toMatchObject({ log_level: 'warn' });

    for (const wrong of ['', '?level=trace', '?level=debug&for=soon', '?level=debug&till=1m']) {
      expect(await act(daemon, `/log-level${wrong}`)).toMatchObject({ status: 400 });
    }
  });
});

describe('a daemon that Redis refuses', () => {
  it('names transaction and rule of the command, and no key', async () => {
    const shop = await openShop(mysql[0]!, redis.url);
    const daemon = await startDaemon(shop.config({ rest: { publish: { stream: shop.key('log') } } }));
    await daemon.ready();
    await shop.redis.set(shop.key('log'), 'no stream');
    await shop.db.query("INSERT INTO users (id, email) VALUES (7, 'secret-7@x')");
    const line = await daemon.logged('it is refused', ({ msg }) =>
      String(msg).includes('refuses a command for good'),
    );
    expect(line).toMatchObject({
      level: 'error',
      rule: 'rules[0]',
      code: 'UNSTALE_REDIS_UNEXPECTED_REPLY',
      gtid: expect.stringMatching(/:\d+$/),
    });
    expect(await daemon.exited).toMatchObject({ code: 1 });
    expect(daemon.output()).not.toMatch(/secret-7|user:7/);
    await shop.close();
  });
});

describe('what a daemon shows', () => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(async () => {
    shop = await openShop(mysql[0]!, redis.url);
  });
  afterEach(async () => {
    await daemon.kill();
    await shop.close();
  });

  it('holds no password of any URL and no token, in the log, the status and everything else', async () => {
    const { password } = shop.db.account;
    const token = 'a-token-that-stays-here';
    const withPassword = redis.url.replace('redis://', 'redis://default:secret-of-redis@');
    daemon = await startDaemon(
      shop.config({
        state: { url: shop.db.url },
        redis: { url: withPassword },
        rest: { lookups: { url: shop.db.url }, admin: { token }, log: { level: 'debug' } },
      }),
    );
    await daemon.ready();
    await shop.settled();
    const shown = await Promise.all(
      ['/', '/metrics', '/livez', '/readyz', '/status'].map(async (path) =>
        (await daemon.request(path)).text(),
      ),
    );
    const position = await runCli(['position', 'show', '-c', daemon.configFile, '--json']);
    await daemon.stop();
    const away = await runCli(['pause', '-c', daemon.configFile]);
    for (const text of [...shown, daemon.output(), position.stdout, position.stderr, away.stderr]) {
      for (const secret of [password, 'secret-of-redis', token]) expect(text).not.toContain(secret);
    }
    expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('UNSTALE_DAEMON_UNREACHABLE') });
  });
});
