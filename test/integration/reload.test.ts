import { execFile } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { anyMysql } from '../support/mysql-servers.ts';

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));
const { redis } = inject('servers');

describe.each(anyMysql())('a configuration is reloaded, the source is $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(async () => {
    shop = await openShop(server, redis.url);
  });

  afterEach(async () => {
    await daemon.kill();
    await shop.close();
  });

  const start = async (rest: Record<string, unknown> = {}): Promise<void> => {
    daemon = await startDaemon(shop.config({ rest }));
    await daemon.ready();
  };
  const rule = (table: string, key: string): object => ({
    table: `${shop.db.name}.${table}`,
    key: shop.key(key),
  });
  const fence = (): object => rule('fence', 'fence:{id}');
  const reloaded = (): Promise<unknown> =>
    daemon.logged('it is reloaded', (line) => String(line['msg']).includes('reloaded and in force'));
  const storedHash = async (): Promise<unknown> => {
    const [row] = await shop.db.query(`SELECT mapping_hash AS hash FROM ${shop.db.stateDatabase}.positions`);
    return row?.['hash'];
  };

  it('by SIGHUP: new rules hold from then on, old ones no more, and the state tells which', async () => {
    await start();
    await reconfigure(daemon, { rules: [rule('unmapped', 'new:{id}'), fence()] });
    daemon.signal('SIGHUP');
    await reloaded();
    await shop.cache('new:1', 'user:1');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await shop.db.query('INSERT INTO unmapped (id) VALUES (1)');
    await shop.settled();
    expect(await shop.cached(['new:1', 'user:1'])).toEqual(['user:1']);
    const status = await daemon.status();
    expect(status).toMatchObject({ state: 'running', ready: true });
    const hash =
      typeof status === 'object' && status !== null && 'mapping_hash' in status && status.mapping_hash;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    await eventually('the new mapping is stored', storedHash, (stored) => stored === hash);
  });

  it('not at all when it is wrong, cannot work here or changes what is read only at a start', async () => {
    await start();
    const before = await daemon.status();
    const wrong = [
      [
        { rules: [{ ...rule('users', 'user:{id'), on: [] }] },
        'UNSTALE_CONFIG_INVALID',
        /unstale\.yaml:\d+:\d+/,
      ],
      [{ rules: [rule('nothing_like_it', 'user:{id}')] }, 'UNSTALE_TABLE_MISSING', /nothing_like_it/],
      [{ client_id: 'another' }, 'UNSTALE_RELOAD_REFUSED', /client_id/],
    ] as const;
    for (const [fields, code, message] of wrong) {
      await reconfigure(daemon, {
        ...shop.config(),
        admin: { listen: new URL(daemon.adminUrl).host },
        ...fields,
      });
      expect(await reload(daemon)).toMatchObject({
        status: 422,
        body: { result: 'refused', code, message: expect.stringMatching(message) },
      });
    }
    expect(await daemon.status()).toMatchObject({ ready: true });
    expect(before).toMatchObject({ mapping_hash: (await statusOf(daemon)).mapping_hash });
    await shop.cache('user:1');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await shop.settled();
    expect(await shop.cached(['user:1'])).toEqual([]);
  });

  it('with the keys of rules that went away removed, if that is asked for', async () => {
    await start();
    await shop.cache('user:1', 'item:1:1', 'profile:1');
    await reconfigure(daemon, { rules: [rule('users', 'user:{id}'), fence()] });
    const { status, body } = await reload(daemon, '?invalidate=true');
    expect(status).toBe(200);
    expect(body).toMatchObject({ result: 'applied', rules: { added: 1, kept: 1 } });
    await eventually(
      'what the old rules produced is gone',
      () => shop.cached(['user:1', 'item:1:1', 'profile:1']),
      (left) => left.length === 0,
    );
  });

  it('by itself when a file changes, if it is watched, included files too', async () => {
    await start({ reload: { watch: true } });
    const rules = join(dirname(daemon.configFile), 'rules');
    await mkdir(rules);
    await writeFile(join(rules, 'a.yaml'), stringify({ rules: [rule('unmapped', 'new:{id}')] }));
    // As deployments do it: a whole new file takes the old one's place.
    await reconfigure(daemon, { rules: [fence()], include: ['rules/*.yaml'] });
    await reloaded();
    await writeFile(join(rules, '.b'), stringify({ rules: [rule('users', 'late:{id}')] }));
    await rename(join(rules, '.b'), join(rules, 'b.yaml'));
    await eventually(
      'the second file is in force',
      async () => (await statusOf(daemon)).tables,
      (tables) => Array.isArray(tables) && tables.length === 3,
    );
    await shop.cache('new:1', 'late:1');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await shop.db.query('INSERT INTO unmapped (id) VALUES (1)');
    await shop.settled();
    expect(await shop.cached(['new:1', 'late:1'])).toEqual([]);
  });

  it('when a file that was refused is mended, though the rules in force came from others', async () => {
    await start({ reload: { watch: true } });
    const rules = join(dirname(daemon.configFile), 'rules');
    await mkdir(rules);
    const put = async (key: string): Promise<void> => {
      await writeFile(join(rules, '.a'), stringify({ rules: [rule('users', key)] }));
      await rename(join(rules, '.a'), join(rules, 'a.yaml'));
    };
    await put('late:{id');
    await reconfigure(daemon, { rules: [fence()], include: ['rules/*.yaml'] });
    await daemon.logged('it is refused', (line) => line['code'] === 'UNSTALE_RELOAD_REFUSED');
    await put('late:{id}');
    await reloaded();
    await shop.cache('late:1');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await shop.settled();
    expect(await shop.cached(['late:1'])).toEqual([]);
  });

  it('while deletes wait for a limit, which then go at the new one', async () => {
    const limited = (rate: number): object => ({
      ...rule('unmapped', 'new:{id}'),
      max_deletes_per_second: rate,
    });
    const held = async (): Promise<number> => (await daemon.metrics()).sum('unstale_deletes_delayed');
    await start({ rules: [limited(1), fence()] });
    const ids = Array.from({ length: 500 }, (_, index) => index + 1);
    await shop.cache(...ids.map((id) => `new:${id}`));
    await shop.db.query(`INSERT INTO unmapped (id) VALUES ${ids.map((id) => `(${id})`).join()}`);
    await eventually('deletes wait', held, (count) => count > 400);
    // Another place in the file, so that only what the rule does tells which one it is.
    await reconfigure(daemon, { rules: [fence(), limited(10_000)] });
    expect(await reload(daemon)).toMatchObject({ status: 200, body: { rules: { added: 0, kept: 2 } } });
    await eventually('none waits', held, (count) => count === 0);
    expect(await shop.cached(ids.map((id) => `new:${id}`))).toEqual([]);
  });

  it('by unstale reload, which says what became of it and exits accordingly', async () => {
    await start();
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, [entry, 'reload', '-c', daemon.configFile, ...args]).then(
        ({ stdout }) => ({ code: 0, output: stdout }),
        (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr }),
      );
    expect(await run()).toEqual({ code: 0, output: 'nothing has changed\n' });
    await reconfigure(daemon, { rules: [fence()] });
    expect(await run('--json')).toMatchObject({ code: 0, output: expect.stringContaining('"applied"') });
    await reconfigure(daemon, { rules: [rule('missing', 'x:{id}')] });
    expect(await run()).toMatchObject({ code: 2, output: expect.stringContaining('UNSTALE_RELOAD_REFUSED') });
    await daemon.stop();
    expect(await run()).toMatchObject({
      code: 1,
      output: expect.stringContaining('UNSTALE_DAEMON_UNREACHABLE'),
    });
  });
});

async function statusOf(daemon: DaemonProcess): Promise<Record<string, unknown>> {
  const status = await daemon.status();
  return typeof status === 'object' && status !== null ? { ...status } : {};
}
