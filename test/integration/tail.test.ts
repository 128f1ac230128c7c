import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTail } from '../support/tail-process.ts';

type Line = Readonly<Record<string, unknown>>;

const TOKEN = 'a-token-of-the-shop';
const { mysql, redis } = inject('servers');

describe.each(mysql)('unstale tail on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, redis.url);
    daemon = await startDaemon(shop.config({ rest: { admin: { token: TOKEN } } }));
    await daemon.ready();
  });
  afterAll(async () => {
    await daemon.stop();
    await shop.close();
  });

  it('shows each deleted key with its rule, whether it existed, and scopes with their reason', async () => {
    const tail = startTail(daemon.configFile, '--json');
    await tail.following();
    await shop.cache('item:1:1');
    await shop.db.query('INSERT INTO order_items VALUES (1, 1, ?)', ['a']);
    await shop.settled();
    await shop.db.query('INSERT INTO order_items VALUES (1, 2, ?)', ['b']);
    await shop.settled();
    await shop.db.query('TRUNCATE TABLE order_items');
    await shop.settled();
    tail.signal('SIGINT');
    expect(await tail.exited).toMatchObject({ code: 0, signal: null });
    const lines: Line[] = tail.lines.map((line) => JSON.parse(line));
    const shown = lines.filter(({ rule }) => rule === 'rules[2]');
    expect(shown).toEqual([
      expect.objectContaining({ kind: 'delete', key: shop.key('item:1:1'), result: 'removed' }),
      expect.objectContaining({ kind: 'delete', key: shop.key('item:1:2'), result: 'absent' }),
      expect.objectContaining({
        kind: 'scope',
        pattern: shop.key('item:*:*'),
        reason: 'truncate',
        result: 'done',
      }),
    ]);
  });

  it('ends with the daemon when that is killed', async () => {
    const tail = startTail(daemon.configFile);
    await tail.following();
    await daemon.kill();
    expect(await tail.exited).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not answer any more/),
    });
  });
});

describe('unstale tail', () => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(mysql[0]!, redis.url);
    daemon = await startDaemon(shop.config({ rest: { admin: { token: TOKEN } } }));
    await daemon.ready();
  });
  afterAll(async () => {
    await daemon.stop();
    await shop.close();
  });

  it('shows what is asked for only, and text for people', async () => {
    const tails = [
      startTail(daemon.configFile, '--rule', 'rules[0]'),
      startTail(daemon.configFile, '--table', `${shop.db.name}.users`),
      startTail(daemon.configFile, '--key', shop.key('user:10')),
    ];
    await Promise.all(tails.map((tail) => tail.following()));
    await shop.db.query("INSERT INTO users VALUES (10, 'ten@x', '')");
    await shop.settled();
    await shop.db.query("INSERT INTO users VALUES (11, 'eleven@x', '')");
    await shop.settled();
    const keysOf = (lines: readonly string[]) =>
      lines.map((line) => /delete +(\S+)/.exec(line)?.[1] ?? '').toSorted();
    const all = ['user:10', 'user:11', 'user:by-email:eleven@x', 'user:by-email:ten@x'].map((rest) =>
      shop.key(rest),
    );
    for (const [at, expected] of [all, all, [shop.key('user:10')]].entries()) {
      const tail = tails[at]!;
      await eventually('all lines are there', () => tail.lines.length >= expected.length);
      expect(keysOf(tail.lines)).toEqual(expected);
      tail.signal('SIGTERM');
      expect(await tail.exited).toMatchObject({ code: 0 });
    }
  });

  it('ends in silence when nobody reads its output, as in a pipe to head', async () => {
    const tail = startTail(daemon.configFile);
    await tail.following();
    tail.closeOutput();
    await shop.settled();
    const { code, stderr } = await tail.exited;
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
  });

  it('that nobody reads does not hold the daemon back', async () => {
    const tail = startTail(daemon.configFile, '--json');
    await tail.following();
    tail.signal('SIGSTOP');
    const rows = Array.from({ length: 5000 }, (_, n) => `(5, ${n}, '')`).join(', ');
    for (let round = 0; round < 4; round += 1) {
      await shop.db.query(`INSERT INTO order_items VALUES ${rows}`);
      await shop.db.query('DELETE FROM order_items');
    }
    await shop.settled();
    tail.signal('SIGCONT');
    tail.signal('SIGINT');
    await tail.exited;
  });

  it('says what to do when it cannot follow', async () => {
    const wrong = await runCli(['tail', '-c', daemon.configFile, '--set', `admin.token=${TOKEN}x`]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/refuses: .*admin\.token.*UNSTALE_DAEMON_UNREACHABLE/);
    const absent = await runCli(['tail', '-c', daemon.configFile, '--set', 'admin.listen=127.0.0.1:1']);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(
      /no daemon answers on 127\.0\.0\.1:1: .*\n {2}hint: See that the daemon runs/,
    );
    const table = await runCli(['tail', '-c', daemon.configFile, '--table', 'shop.nothing']);
    expect(table.code).toBe(2);
    expect(table.stderr).toContain(`${shop.db.name}.users`);
  });

  it('ends with the daemon when that stops', async () => {
    const tail = startTail(daemon.configFile);
    await tail.following();
    await daemon.stop();
    expect(await tail.exited).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ended the stream: the daemon stops/),
    });
  });
});
