import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startMixedLoad } from '../support/mixed-load.ts';
import type { MixedLoad } from '../support/mixed-load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { daemonOf, kill, supervise } from '../support/supervisor.ts';
import type { Supervised } from '../support/supervisor.ts';

const [server] = inject('servers').mysql;

/** A daemon takes two rules' worth of changes only; another one beside it has something to supervise as well. */
function secondConfig(shop: Shop): Record<string, unknown> {
  const { db, key } = shop;
  return shop.config({
    rest: { client_id: `${db.name}b`, rules: [{ table: `${db.name}.unmapped`, key: key('u:{id}') }] },
  });
}

async function workedOff(shop: Shop, load: MixedLoad): Promise<void> {
  await load.stop();
  await shop.settled(60_000);
  await eventually(
    'no delete is lost',
    () => load.lost(),
    (lost) => lost.length === 0,
    { timeoutMs: 30_000 },
  );
  expect(await load.removedWrongly()).toEqual([]);
}

describe('a supervisor', () => {
  let shop: Shop;
  let supervised: Supervised;

  beforeEach(async () => {
    if (server === undefined) throw new Error('no server');
    shop = await openShop(server, inject('servers').redis.url, { inFlight: 2 });
    supervised = await supervise(shop.config(), secondConfig(shop));
  });

  afterEach(async () => {
    await supervised.end();
    await shop.close();
  });

  it('brings everything back, without losing a delete, whatever of it is killed at whatever moment', async () => {
    const started = await supervised.start('--max-restart-delay', '300ms');
    expect(started.stdout).toContain(`${shop.db.name}: running`);
    expect(started.code).toBe(0);
    const load = startMixedLoad(shop);
    try {
      for (let round = 0; round < 10; round += 1) {
        // The moment has to be random, so it cannot be an event: while it starts, reads, deletes, stores.
        await sleep(Math.random() * 400);
        const noted = join(supervised.runDirectory, 'daemons', `${shop.db.name}.pid`);
        const pid = await eventually('the daemon has a process', () =>
          Number.parseInt(readFileSync(noted, 'utf8'), 10),
        );
        kill(pid);
        await load.more(5);
        if (round % 3 === 0) await supervised.running();
      }
      await supervised.running(60_000);
      const before = await supervised.report();
      expect(daemonOf(before, shop.db.name).restarts).toBeGreaterThanOrEqual(8);

      // The supervisor: its daemons end, and one of them starts another.
      kill(before.supervisor.pid);
      await load.more(20);
      const after = await supervised.until(
        'another supervisor runs all daemons',
        ({ supervisor, daemons }) =>
          supervisor.pid !== before.supervisor.pid && daemons.every(({ state }) => state === 'running'),
      );
      const pids = [after.supervisor.pid, ...after.daemons.map(({ pid }) => pid)];
      expect(new Set(await supervised.processes())).toEqual(new Set(pids));

      // All at once, as when the machine stops; the supervisor first, so that nobody brings it back.
      for (const pid of await supervised.processes()) kill(pid, 'SIGSTOP');
      for (const pid of pids) kill(pid);
      await eventually('everything is gone', async () => (await supervised.processes()).length === 0);
      expect(existsSync(join(supervised.runDirectory, 'control.sock'))).toBe(true);
      await load.more(20);
      const again = await supervised.start();
      expect(again).toMatchObject({ code: 0, stderr: '' });
    } finally {
      await load.stop();
    }
    await workedOff(shop, load);
    expect(load.committed).toBeGreaterThan(100);
    expect((await supervised.cli('stop')).code).toBe(0);
    expect(await supervised.processes()).toEqual([]);
    expect(existsSync(join(supervised.runDirectory, 'control.sock'))).toBe(false);
  });

  it('restarts one by one, stops at the first that fails, and takes it up again when its configuration is mended', async () => {
    await supervised.start();
    const before = await supervised.report();
    const [first, second] = before.daemons;
    expect((await supervised.cli('restart')).stdout).toBe(
      [first, second]
        .flatMap((one) => [`${one?.client_id}: restarting\n`, `${one?.client_id}: ready\n`])
        .join(''),
    );
    const after = await supervised.report();
    for (const [index, daemon] of after.daemons.entries())
      expect(daemon.pid).not.toBe(before.daemons[index]?.pid);

    const [file = ''] = supervised.configFiles;
    const content = readFileSync(file, 'utf8');
    writeFileSync(file, `${content}\nrulez: []\n`);
    const failed = await supervised.cli('restart');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      new RegExp(`rulez.*UNSTALE_CONFIG_INVALID\\); not restarted: ${second?.client_id}`, 's'),
    );
    const shown = await supervised.cli('status');
    expect(shown.code).toBe(4);
    expect(shown.stdout).toMatch(/given up[^]*UNSTALE_CONFIG_INVALID[^]*hint: /);
    expect(daemonOf(await supervised.report(), second?.client_id ?? '').pid).toBe(after.daemons[1]?.pid);

    writeFileSync(file, content);
    await supervised.running();

    const reload = await supervised.cli('reload');
    expect(reload).toMatchObject({ code: 0, stderr: '' });
    expect(reload.stdout.match(/nothing has changed/g)).toHaveLength(2);
    expect((await supervised.cli('reload', '-c', file)).stdout).toBe(
      `${first?.client_id}: nothing has changed\n`,
    );
    const second_ = await supervised.start();
    expect(second_).toMatchObject({ code: 1, stdout: '' });
    expect(second_.stderr).toContain(`with pid ${after.supervisor.pid}`);
    expect(second_.stderr).toContain('UNSTALE_ALREADY_RUNNING');

    const logs = await supervised.cli('logs', '-n', '5', first?.client_id ?? '');
    expect(logs.stdout.trim().split('\n')).toHaveLength(5);
    expect(logs.stdout).toContain('ready: following changes');
  });
});
