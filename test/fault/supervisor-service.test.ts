import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openNotifySocket } from '../support/service-manager.ts';
import type { NotifySocket } from '../support/service-manager.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { kill, supervise } from '../support/supervisor.ts';
import type { Supervised } from '../support/supervisor.ts';

const [server] = inject('servers').mysql;

describe('a service of systemd', () => {
  let shop: Shop;
  let manager: NotifySocket;
  let supervised: Supervised | undefined;

  beforeEach(async () => {
    if (server === undefined) throw new Error('no server');
    shop = await openShop(server, inject('servers').redis.url);
    manager = await openNotifySocket(1000);
  });

  afterEach(async () => {
    await supervised?.end();
    await manager.close();
    await shop.close();
  });

  it('says that it is ready, lives, reloads and stops, and ends as its daemon does when that is given up', async () => {
    supervised = await supervise(shop.config());
    const foreground = await supervised.foreground(manager.environment);
    const ready = await manager.heard('READY=1');
    expect(manager.said[ready - 1]).toContain('STATUS=1 of 1 daemons are ready');
    // A daemon must not speak for the service.
    expect(manager.said.slice(0, ready - 1).flat()).not.toContain('READY=1');
    const alive = await manager.heard('WATCHDOG=1', ready);
    foreground.signal('SIGHUP');
    const reloading = await manager.heard('RELOADING=1', alive);
    await manager.heard('READY=1', reloading - 1);
    for (const line of foreground.lines())
      expect(JSON.parse(line)).toMatchObject({ client_id: expect.any(String) });

    // No daemon may be left, and nobody may bring the supervisor back but systemd.
    kill((await supervised.report()).supervisor.pid);
    await foreground.exited;
    await eventually(
      'the daemon has ended as well',
      async () => (await supervised?.processes())?.length === 0,
    );

    const again = await supervised.foreground(manager.environment);
    const { daemons } = await supervised.running();
    const [file = ''] = supervised.configFiles;
    const content = readFileSync(file, 'utf8');
    writeFileSync(file, `${content}\nrulez: []\n`);
    kill(daemons[0]?.pid);
    expect(await again.exited).toEqual({ code: 2, signal: null });
    writeFileSync(file, content);

    const last = await supervised.foreground(manager.environment);
    await supervised.running();
    const from = manager.said.length;
    last.signal('SIGTERM');
    await manager.heard('STOPPING=1', from);
    expect(await last.exited).toEqual({ code: 0, signal: null });
    expect(await supervised.processes()).toEqual([]);
  });

  it('may also be a single daemon', async () => {
    const daemon = await startDaemon(shop.config(), { env: manager.environment });
    const ready = await manager.heard('READY=1');
    await manager.heard('WATCHDOG=1', ready - 1);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await manager.heard('STOPPING=1', ready);
  });
});

describe('the unit file', () => {
  const verify = spawnSync('systemd-analyze', ['--version']).status === 0;

  it.skipIf(!verify)('is one that systemd takes without a word', () => {
    const file = fileURLToPath(new URL('../../deploy/systemd/unstale.service', import.meta.url));
    const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '' });
  });
});
