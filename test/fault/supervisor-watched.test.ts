import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { SupervisorReport } from '../../src/supervisor/daemon-report.ts';
import { eventually } from '../support/eventually.ts';
import { startFollowing } from '../support/following-command.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { daemonOf, kill, supervise } from '../support/supervisor.ts';
import type { Supervised } from '../support/supervisor.ts';

const [server] = inject('servers').mysql;

describe('who watches a supervisor', () => {
  let shop: Shop;
  let supervised: Supervised;
  let first: string;
  let second: string;
  const follow = (...args: readonly string[]) =>
    startFollowing(args, { UNSTALE_RUN_DIR: supervised.runDirectory });

  beforeEach(async () => {
    if (server === undefined) throw new Error('no server');
    shop = await openShop(server, inject('servers').redis.url);
    [first, second] = [shop.db.name, `${shop.db.name}b`];
    const other = shop.config({
      rest: { client_id: second, rules: [{ table: `${first}.unmapped`, key: shop.key('u:{id}') }] },
    });
    supervised = await supervise(shop.config(), other);
    expect(await supervised.start('--max-restart-delay', '300ms')).toMatchObject({ code: 0 });
  });

  afterEach(async () => {
    await supervised.end();
    await shop.close();
  });

  it('by its logs sees each line once, also over a log that is moved away and a signal to open it again', async () => {
    const logs = follow('logs', '-f', '-n', '2', 'supervisor');
    await eventually('the last lines are shown', () => logs.lines.length === 2);
    const log = join(supervised.runDirectory, 'log', 'supervisor.log');
    for (const [round, signal] of (['SIGUSR1', 'SIGUSR2'] as const).entries()) {
      kill(daemonOf(await supervised.report(), second).pid);
      const restarts = await supervised.until(
        'the daemon is back',
        (report) =>
          daemonOf(report, second).restarts === round + 1 && daemonOf(report, second).state === 'running',
      );
      // As logrotate does.
      if (round > 0) renameSync(`${log}.1`, `${log}.2`);
      renameSync(log, `${log}.1`);
      kill(restarts.supervisor.pid, signal);
    }
    kill(daemonOf(await supervised.report(), second).pid);
    await eventually('a line of the third file is shown', () => {
      const written = readFileSync(log, 'utf8').trim().split('\n');
      return (
        written.some((line) => line.includes('the daemon is ready')) &&
        logs.lines.includes(written.at(-1) ?? '')
      );
    });
    const written = [`${log}.2`, `${log}.1`, log].flatMap((file) =>
      readFileSync(file, 'utf8').trim().split('\n'),
    );
    await eventually('all lines are shown', () => logs.lines.at(-1) === written.at(-1));
    expect(logs.lines).toEqual(written.slice(-logs.lines.length));
    expect(logs.lines.slice(2).filter((line) => line.includes('the daemon is ready'))).toHaveLength(3);
    logs.signal('SIGINT');
    expect(await logs.exited).toMatchObject({ code: 0, stderr: '' });
  });

  it('by its status sees a daemon go and come, and another supervisor that the second daemon starts when the first is gone too', async () => {
    const watch = follow('status', '--watch', '--json');
    const shows = (what: string, accept: (report: SupervisorReport) => boolean) =>
      eventually(what, (): SupervisorReport => JSON.parse(watch.lines.at(-1) ?? ''), accept, {
        timeoutMs: 30_000,
      });
    const before = await shows('both daemons run', ({ daemons }) =>
      daemons.every(({ state }) => state === 'running'),
    );
    kill(daemonOf(before, second).pid);
    await shows('the second daemon was started again', (report) => daemonOf(report, second).restarts === 1);

    const after = await supervised.running();
    kill(after.supervisor.pid, 'SIGSTOP');
    kill(daemonOf(after, first).pid);
    kill(after.supervisor.pid);
    const revived = await shows(
      'another supervisor runs both',
      ({ supervisor, daemons }) =>
        supervisor.pid !== after.supervisor.pid && daemons.every(({ state }) => state === 'running'),
    );
    const pids = [revived.supervisor.pid, ...revived.daemons.map(({ pid }) => pid)];
    expect(new Set(await supervised.processes())).toEqual(new Set(pids));
    expect(await supervised.cli('stop')).toMatchObject({ code: 0 });
    await watch.says(`no supervisor runs in ${supervised.runDirectory}`);
    watch.signal('SIGTERM');
    expect(await watch.exited).toMatchObject({ code: 0 });
  });
});
