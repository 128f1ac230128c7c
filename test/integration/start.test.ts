import { chmod, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { runCli, writeConfig } from '../support/cli.ts';

const config = (clientId: string, listen: string): string => `client_id: ${clientId}
source: {url: "mysql://unstale:x@127.0.0.1:1"}
redis: {url: "redis://127.0.0.1:1"}
admin: {listen: "${listen}"}
rules: [{table: shop.users, key: "user:{id}"}]
`;

describe('unstale start', () => {
  it('starts nothing when a configuration is wrong, and tells of all that is wrong with all of them', async () => {
    const run = join(await temporaryDirectory('run'), 'none');
    const [good, bad, missing] = [
      await writeConfig(config('shop', '127.0.0.1:9630')),
      await writeConfig(config('cart', '127.0.0.1:9631').replace('rules', 'rulez')),
      '/nowhere/unstale.yaml',
    ];
    const { code, stderr } = await runCli(['start', '-c', good, '-c', bad, '-c', missing, '--run-dir', run]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${bad}:5:1  rulez`);
    expect(stderr).toContain(`${missing}  the configuration cannot be read`);
    await expect(readdir(run)).rejects.toThrow('ENOENT');
  });

  it.each([
    ['the same client_id', config('shop', '127.0.0.1:9631'), 'client_id shop'],
    ['the same address', config('cart', '127.0.0.1:9630'), 'admin.listen 127.0.0.1:9630'],
    ['the name of the supervisor', config('supervisor', '127.0.0.1:9631'), 'client_id supervisor'],
  ])('refuses two daemons with %s', async (_, other, named) => {
    const run = join(await temporaryDirectory('run'), 'none');
    const files = [await writeConfig(config('shop', '127.0.0.1:9630')), await writeConfig(other)];
    const { code, stderr } = await runCli([
      'start',
      ...files.flatMap((file) => ['-c', file]),
      '--run-dir',
      run,
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(named);
  });

  it('names a run directory that it cannot use, and a socket whose name is too long', async () => {
    const file = await writeConfig(config('shop', 'off').replace('"off"', 'off'));
    const open = await temporaryDirectory('run');
    await chmod(open, 0o777);
    for (const [directory, reason] of [
      [open, 'chmod 700'],
      ['/proc/unstale', 'cannot be used'],
      [`/tmp/${'x'.repeat(100)}`, '107 are possible'],
    ]) {
      const { code, stderr } = await runCli(['start', '-c', file, '--run-dir', directory ?? '']);
      expect(stderr).toContain(reason);
      expect(stderr).toContain('UNSTALE_RUN_DIRECTORY');
      expect(code).toBe(2);
    }
  });

  it('is what the other commands miss when nothing runs', async () => {
    const run = await temporaryDirectory('run');
    for (const command of ['status', 'stop', 'restart']) {
      const { code, stderr } = await runCli([command, '--run-dir', run]);
      expect(stderr).toContain(`no supervisor runs in ${run} (UNSTALE_NOT_RUNNING)`);
      expect(code).toBe(1);
    }
  });
});

describe('a daemon that no server answers', () => {
  it('is tried again and again, and so told; a full disk takes no log and stops nothing', async () => {
    const run = await temporaryDirectory('run');
    await chmod(run, 0o700);
    const log = await temporaryDirectory('log');
    await symlink('/dev/full', join(log, 'shop.log'));
    const file = await writeConfig(config('shop', 'off').replace('"off"', 'off'));
    const args = ['--run-dir', run, '--log-dir', log];
    const started = await runCli(['start', '-c', file, '--timeout', '20s', ...args]);
    try {
      expect(started.code).toBe(1);
      expect(started.stdout).toMatch(
        /^shop: .*\n {2}last error: .*\(UNSTALE_MYSQL_UNREACHABLE\)\n {2}hint: /,
      );
      const supervisor = await runCli(['logs', 'supervisor', ...args]);
      expect(supervisor.stdout).toContain('a log cannot be written');
    } finally {
      expect(await runCli(['stop', '--timeout', '5s', '--run-dir', run])).toMatchObject({
        code: 0,
        stdout: 'stopped: shop\n',
      });
    }
    expect(await readdir(run)).toEqual(['daemons']);
  });
});
