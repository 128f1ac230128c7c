import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { currentTarget, waitStored } from '../../src/operator/stored-wait.ts';
import { runCli } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { storedPosition } from '../support/gaps.ts';
import { act, configIn } from '../support/operate.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { redis } = inject('servers');

describe.each(inject('servers').mysql)('unstale wait, the source is $label', (server) => {
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

  const executed = async (): Promise<string> => {
    const variable = server.flavour === 'mysql' ? '@@GLOBAL.gtid_executed' : '@@GLOBAL.gtid_binlog_pos';
    const [row] = await shop.db.query(`SELECT ${variable} AS gtids`);
    return String(row?.['gtids']).replaceAll(/\s/g, '');
  };
  /** A transaction that will not be there for long. */
  const future = async (): Promise<string> => {
    const last = (await executed()).split(',').at(-1) ?? '';
    return last.replace(/(\d+)$/, (number) => String(Number(number) + 1_000_000));
  };
  const wait = (gtid: string, timeout: string): ReturnType<typeof act> =>
    act(daemon, `/wait?gtid=${encodeURIComponent(gtid)}&timeout=${timeout}`, 'GET');
  let next = 0;
  /** Commits a change whose key is cached, and resolves with its name. */
  const change = async (): Promise<string> => {
    next += 1;
    await shop.cache(`user:${next}`);
    await shop.db.query('INSERT INTO users (id) VALUES (?)', [next]);
    return `user:${next}`;
  };

  it('ends once everything that is committed now is applied, without and with GTIDs', async () => {
    const first = await change();
    const now = await runCli(['wait', '-c', daemon.configFile, '--timeout', '20s']);
    expect(now).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^applied up to \S+:\d+\n$/),
    });
    expect(await shop.cached([first])).toEqual([]);
    for (let round = 0; round < 10; round += 1) {
      const key = await change();
      expect(await wait(await executed(), '10s')).toMatchObject({ status: 200, body: { result: 'applied' } });
      expect(await shop.cached([key])).toEqual([]);
    }
    // What daemons themselves write is in the set too, and no change.
    expect(await wait(await executed(), '10s')).toMatchObject({ status: 200 });
  });

  it('says how far the daemon is when it takes too long, also while that is paused', async () => {
    const late = await runCli([
      'wait',
      '-c',
      daemon.configFile,
      '--gtid',
      await future(),
      '--timeout',
      '100ms',
    ]);
    expect(late).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /not within 100ms: .*\S+:\d+ is applied; missing \S+ .*UNSTALE_WAIT_TIMEOUT/,
      ),
    });
    await act(daemon, '/pause');
    const key = await change();
    const gtid = await executed();
    expect(await wait(gtid, '200ms')).toMatchObject({ status: 504, body: { result: 'timeout' } });
    const waiting = wait(gtid, '10s');
    await act(daemon, '/resume');
    expect(await waiting).toMatchObject({ status: 200 });
    expect(await shop.cached([key])).toEqual([]);
  });

  it('asks the state tables where no daemon answers', async () => {
    const off = ['-c', daemon.configFile, '--set', 'admin.listen=off', '--json'];
    const key = await change();
    const { code, stdout } = await runCli(['wait', ...off, '--timeout', '20s']);
    expect(JSON.parse(stdout)).toMatchObject({ applied: true, by: 'state' });
    expect(code).toBe(0);
    expect(await shop.cached([key])).toEqual([]);
    const config = await configIn(daemon.configFile);
    await change();
    // The end of the binlog is often a position that was just written.
    for (let round = 0; round < 3; round += 1) {
      expect(await waitStored(config, await currentTarget(config), 20_000)).toMatchObject({ applied: true });
    }
    // Where there are no GTIDs, the place tells.
    const [end] = await shop.db.query(
      server.flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    );
    const place = { file: String(end?.['File']), offset: Number(end?.['Position']) };
    const path = `/wait?position=${place.file}:${place.offset}&timeout=10s`;
    expect(await act(daemon, path, 'GET')).toMatchObject({ status: 200, body: { result: 'applied' } });
    expect(await act(daemon, '/wait?position=another.000001:4', 'GET')).toMatchObject({ status: 409 });
    const { serverUuid } = await storedPosition(shop);
    expect(await waitStored(config, { place, serverUuid }, 20_000)).toMatchObject({ applied: true });
    expect(await waitStored(config, { place, serverUuid: 'another' }, 200)).toMatchObject({ applied: false });
    expect(await waitStored(config, { gtid: await future() }, 300)).toMatchObject({
      applied: false,
      position: expect.stringMatching(/:\d+$/),
    });
  });

  it('is bounded, and for who may only', async () => {
    const gtid = await future();
    const waiting = Array.from({ length: 16 }, () => wait(gtid, '1500ms'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await wait(gtid, '100ms')).toMatchObject({ status: 429 });
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(504);
    expect(await wait('nonsense', '1s')).toMatchObject({ status: 400 });
    expect(await act(daemon, '/wait', 'GET')).toMatchObject({ status: 400 });
    const page = await daemon.request('/wait?gtid=0-1-1', { headers: { origin: 'http://shop.example' } });
    expect(page.status).toBe(403);
    const usage = await runCli(['wait', '-c', daemon.configFile, '--gtid', 'nonsense']);
    expect(usage).toMatchObject({ code: 2, stderr: expect.stringContaining('UNSTALE_USAGE') });
  });
});
