import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { mysql, redis } = inject('servers');

describe.each(mysql)('unstale run --dry-run on $label', (server) => {
  let shop: Shop;
  const running: DaemonProcess[] = [];

  beforeEach(async () => {
    shop = await openShop(server, redis.url);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((daemon) => daemon.kill()));
    await shop.close();
  });

  async function start(config: Readonly<Record<string, unknown>>, ...args: readonly string[]) {
    const daemon = await startDaemon(config, { args });
    running.push(daemon);
    await daemon.logged('it follows changes', ({ msg }) => msg === 'ready: following changes', 30_000);
    return daemon;
  }

  async function counted(daemon: DaemonProcess, commands: number): Promise<void> {
    await eventually(
      'all commands are counted',
      async () => (await daemon.metrics()).sum('unstale_commands_total'),
      (count) => count === commands,
    );
  }

  /** Ends a dry run after so many commands, and gives what each rule would have done, by its place. */
  async function accountOf(daemon: DaemonProcess, commands: number, end: 'SIGINT' | 'SIGTERM' = 'SIGTERM') {
    await counted(daemon, commands);
    expect(await daemon.stop(end)).toEqual({ code: 0, signal: null });
    const lines = daemon.logs.filter(({ msg }) => msg === 'dry run: what this rule would have done');
    return new Map(lines.map(({ rule, counts, sample }) => [rule, { counts, sample }]));
  }

  it('says what each rule would do, and needs no right to write anywhere', async () => {
    const { user } = shop.db.account;
    await shop.db.query(`REVOKE ALL ON ${shop.db.stateDatabase}.* FROM '${user}'@'%'`);
    await shop.redis.call('ACL', 'SETUSER', user, 'on', '>secret', '+@connection');
    const url = new URL(redis.url);
    Object.assign(url, { username: user, password: 'secret' });
    const daemon = await start(shop.config({ redis: { url: url.href } }), '--dry-run');
    const cached = ['user:1', 'user:2', 'item:1:1'];
    await shop.cache(...cached);

    await shop.db.query("INSERT INTO users VALUES (1, 'one@x', ''), (2, 'two@x', '')");
    await shop.db.query("UPDATE users SET name = 'x' WHERE id = 1");
    await shop.db.query('TRUNCATE TABLE order_items');
    expect(await daemon.status()).toMatchObject({ dry_run: true });
    const account = await accountOf(daemon, 7, 'SIGINT');

    expect(account.get('rules[0]')).toMatchObject({
      counts: { delete: 6, scope: 0 },
      sample: ['user:1', 'user:by-email:one@x', 'user:2', 'user:by-email:two@x'].map((rest) =>
        shop.key(rest),
      ),
    });
    expect(account.get('rules[2]')).toMatchObject({
      counts: { delete: 0, scope: 1 },
      sample: [`all keys ${shop.key('item:*:*')} (truncate)`],
    });
    const logged = (part: string) =>
      daemon.logs.find(({ msg }) => String(msg).startsWith(`dry run: ${part}`));
    expect(logged('nothing is deleted')).toMatchObject({ level: 'warn' });
    expect(logged('these rules had nothing to do')).toMatchObject({
      rules: ['rules[1]', 'rules[3]', 'rules[4]'],
    });
    expect(daemon.logs.filter(({ level }) => level === 'error')).toEqual([]);

    expect(await shop.cached(cached)).toEqual(cached);
    const databases = await shop.db.query('SHOW DATABASES');
    expect(databases.flatMap(Object.values)).not.toContain(shop.db.stateDatabase);
    await shop.redis.call('ACL', 'DELUSER', user);
  });

  it('begins at the position of the daemon, beside which it can run, without Redis too, and leaves it there', async () => {
    const config = shop.config();
    const daemon = await start(config);
    await shop.settled();
    await daemon.stop();
    const positions = () => shop.db.query(`SELECT * FROM ${shop.db.stateDatabase}.positions`);
    const stored = await positions();
    await shop.cache('visit:1');
    await shop.db.query('INSERT INTO visits VALUES (1, 0)');

    const dryRun = await start(config, '--dry-run', '--set', 'redis.url=redis://127.0.0.1:1');
    await counted(dryRun, 1);
    expect(await shop.cached(['visit:1'])).toEqual(['visit:1']);
    expect(await positions()).toEqual(stored);

    const again = await start(config);
    await shop.settled();
    expect(await shop.cached(['visit:1'])).toEqual([]);
    // With the two batches of the fence.
    const account = await accountOf(dryRun, 3);
    expect(account.get('rules[3]')).toMatchObject({ sample: [shop.key('visit:1')] });
    expect(await again.stop()).toEqual({ code: 0, signal: null });
  });
});
