import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parseInitPosition } from '../../src/config/init-position.ts';
import { rewindStopped, setStopped } from '../../src/operator/position-change.ts';
import type { PositionChange } from '../../src/operator/position-change.ts';
import { reportPosition } from '../../src/operator/position-report.ts';
import { lockName } from '../../src/state/lock-name.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { startMysqlServer } from '../support/provider.ts';
import { act, configIn, refusalOf, statusOf } from '../support/operate.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { redis } = inject('servers');

describe.each(inject('servers').mysql)('positions in hand, the source is $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess | undefined;

  beforeEach(async () => {
    shop = await openShop(server, redis.url);
  });
  afterEach(async () => {
    await daemon?.kill();
    daemon = undefined;
    await shop.close();
  });

  /** Users are values, everything else is deleted. */
  const config = (): Record<string, unknown> =>
    shop.config({
      rest: {
        rules: [
          {
            table: `${shop.db.name}.users`,
            action: 'update',
            key: shop.key('value:{id}'),
            value: { format: 'json', columns: ['id', 'name'] },
            version: 'binlog',
            create: true,
            ttl: '1h',
          },
          { table: `${shop.db.name}.users`, key: shop.key('user:{id}') },
          { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
        ],
      },
    });
  const start = async (what = config()): Promise<DaemonProcess> => {
    const started = await startDaemon(what);
    daemon = started;
    await started.ready();
    return started;
  };
  const stored = async (): Promise<Record<string, unknown>> => {
    const [row] = await shop.db.query(
      `SELECT binlog_file AS file, binlog_position AS place, fencing_token AS token, epoch FROM ${shop.db.stateDatabase}.positions`,
    );
    return { ...row };
  };
  /** Resolves with a moment before which the history knows where the daemon was. */
  const noted = async (): Promise<number> => {
    await shop.settled();
    await eventually('the history has an entry', async () => {
      const rows = await shop.db.query(`SELECT 1 FROM ${shop.db.stateDatabase}.position_history`);
      return rows.length > 0;
    });
    return Date.now();
  };
  const gone = (...rests: string[]): Promise<unknown> =>
    eventually(
      `${rests.join()} gone`,
      () => shop.cached(rests),
      (left) => left.length === 0,
    );
  /** A user whose keys were right, until a reader that was too slow filled one of them, as it were. */
  const changed = async (id: number): Promise<void> => {
    await shop.db.query('INSERT INTO users (id, name) VALUES (?, ?)', [id, 'first']);
    await shop.settled();
    expect(await shop.cached([`value:${id}`])).toEqual([`value:${id}`]);
    await shop.redis.del(shop.key(`value:${id}`));
    await shop.cache(`user:${id}`);
  };

  it('a daemon goes back, running or stopped: deletes again, puts no value back, and stores values from there on', async () => {
    const running = await start();
    const file = running.configFile;
    const moment = await noted();
    await changed(1);
    const live = await runCli(['position', 'rewind', '-c', file, '--to', iso(moment), '--json']);
    expect(live).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(live.stdout)).toMatchObject({ result: 'rewound', at: expect.stringMatching(/Z$/) });
    await gone('user:1');
    await shop.settled();
    expect(await shop.cached(['value:1'])).toEqual([]);
    await shop.db.query('UPDATE users SET name = ? WHERE id = 1', ['second']);
    await shop.settled();
    expect(await shop.redis.get(shop.key('value:1'))).toContain('second');
    expect(await statusOf(running)).toMatchObject({ state: 'running', ready: true });
    expect(await act(running, '/position/rewind?by=100h')).toMatchObject({
      status: 422,
      body: {
        result: 'refused',
        code: 'UNSTALE_HISTORY_TOO_SHORT',
        message: expect.stringMatching(/oldest.*Z$/),
      },
    });

    const text = await runCli(['position', 'show', '-c', file]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(/^stored +\S+:\d+ /m);
    expect(text.stdout).toMatch(/received \S+:\d+, applied \S+:\d+/);
    expect(text.stdout).toMatch(/moments that one can go back to/);

    await changed(2);
    await running.stop();
    const before = await stored();
    const back = await runCli(['position', 'rewind', '-c', file, '--to', iso(moment)]);
    expect(back).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^rewound to \S+:\d+, where/),
    });
    const after = await stored();
    expect(Number(after['place'])).toBeLessThan(Number(before['place']));
    expect(Number(after['token'])).toBeGreaterThan(Number(before['token']));
    expect(Number(after['epoch'])).toBe(Number(before['epoch']));
    await start();
    await gone('user:2');
    await shop.settled();
    expect(await shop.cached(['value:2'])).toEqual([]);
  });

  it('nothing is written while a daemon leads that cannot be asked, and none may lead meanwhile', async () => {
    const running = await start();
    const moment = await noted();
    await running.stop();
    const before = await stored();
    const offline = await configIn(running.configFile);
    const lock = lockName(shop.db.stateDatabase, shop.db.name);
    const leader = await shop.db.pool.getConnection();
    try {
      await leader.query('SELECT GET_LOCK(?, 0)', [lock]);
      const refused = await runCli(['position', 'rewind', '-c', running.configFile, '--to', iso(moment)]);
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /leads for this client_id.*no daemon answers.*UNSTALE_LEADER_RUNS\)\n {2}hint: Stop/,
        ),
      });
      expect(await refusalOf(setStopped(offline, { from: 'latest' }, { skipChanges: true }))).toMatch(
        /^UNSTALE_LEADER_RUNS: \S+ leads/,
      );
      await shop.db.query(
        `REPLACE INTO ${shop.db.stateDatabase}.leases (client_id, fencing_token, holder, admin_address, acquired_at)
         VALUES (?, 1041, 'shop-1:4711', NULL, UTC_TIMESTAMP(3))`,
        [shop.db.name],
      );
      expect(await refusalOf(setStopped(offline, { from: 'latest' }, { skipChanges: true }))).toMatch(
        /shop-1:4711 leads/,
      );
      expect((await reportPosition(offline)).leader).toMatchObject({ holder: 'shop-1:4711' });
      expect(await stored()).toEqual(before);
    } finally {
      leader.destroy();
    }
    await eventually('the lock is free', async () => {
      const [row] = await shop.db.query('SELECT IS_USED_LOCK(?) AS session', [lock]);
      return row?.['session'] === null;
    });
    expect(await rewindStopped(offline, moment, '')).toMatchObject({ result: 'rewound' });
    expect(Number((await stored())['token'])).toBe(1042);
    const [lease] = await shop.db.query(
      `SELECT fencing_token AS token, holder FROM ${shop.db.stateDatabase}.leases`,
    );
    expect(Number(lease?.['token'])).toBe(1042);
    expect(lease?.['holder']).toMatch(/^operator@/);
  });

  it('a position is set where the server can go on, and forward only by who says so', async () => {
    const file = await writeConfig({ ...config(), admin: { listen: 'off' } });
    const offline = await configIn(file);
    const set = (text: string, skipChanges = false): Promise<PositionChange> => {
      const parsed = parseInitPosition(text);
      if (!parsed.ok) throw new TypeError(parsed.message);
      return setStopped(offline, parsed.value, { skipChanges });
    };
    // Where nothing is stored nothing can be left out.
    expect(await set('latest')).toMatchObject({ result: 'set', from: null, skipped: null });
    const before = await stored();
    const first = `${String(before['file'])}:${String(before['place'])}`;
    const within = `${String(before['file'])}:${Number(before['place']) + 7}`;
    await shop.db.query("INSERT INTO users (id, name) VALUES (1, 'skipped')");

    const forward = await runCli(['position', 'set', 'latest', '-c', file]);
    expect(forward).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/skips \d+ bytes of binlog.*UNSTALE_SET_SKIPS_CHANGES/),
    });
    expect(forward.stderr).toContain('delete the mapped keys');
    expect(await refusalOf(set(within, true))).toMatch(/^UNSTALE_POSITION_INVALID/);
    expect(await refusalOf(set(`${String(before['file'])}:99999999`, true))).toMatch(
      /^UNSTALE_POSITION_AHEAD/,
    );
    expect(await refusalOf(set('nothing.000001:4', true))).toMatch(/^UNSTALE_POSITION_INVALID/);
    const foreign = server.flavour === 'mysql' ? '11111111-1111-1111-1111-111111111111:1-5' : '77-77-77';
    expect(await refusalOf(set(foreign, true))).toMatch(/^UNSTALE_GTID_FOREIGN/);
    expect(await stored()).toEqual(before);

    // Forward and back, by place and by GTIDs.
    expect(await set('latest', true)).toMatchObject({ skipped: expect.stringMatching(/^\d+ bytes/) });
    const executed = server.flavour === 'mysql' ? '@@GLOBAL.gtid_executed' : '@@GLOBAL.gtid_binlog_pos';
    const gtids = async (): Promise<string> =>
      String((await shop.db.query(`SELECT ${executed} AS gtids`))[0]?.['gtids']).replaceAll(/\s/g, '');
    expect(await refusalOf(set(await gtids()))).toMatch(/^$|skips the transactions/);
    expect(await set(first)).toMatchObject({ result: 'set', skipped: null });
    const behind = await gtids();
    await shop.db.query("INSERT INTO users (id, name) VALUES (2, 'seen')");
    expect(await set(behind, true)).toMatchObject({ result: 'set', to: { gtid_set: behind } });
    await shop.cache('user:2');
    await start();
    await gone('user:2');
  });

  it('a rewind under load loses nothing, and a second one at the same time does no harm', async () => {
    const running = await start(shop.config());
    const moment = await noted();
    const load = startLoad(shop);
    await load.more(300);
    const path = `/position/rewind?to=${iso(moment)}`;
    const answers = await Promise.all([act(running, path), act(running, path)]);
    expect(answers.map(({ status }) => status)).toContain(200);
    await load.more(300);
    expect(await act(running, path)).toMatchObject({ status: 200 });
    await load.more(300);
    await load.stop();
    await drained(shop, running, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await statusOf(running)).toMatchObject({ state: 'running', ready: true });
  });
});

describe('going back to a moment', () => {
  it('whose binlog was purged is refused, and the daemon goes on', async () => {
    const flavour = inject('servers').mysql[0]?.flavour ?? 'mysql';
    const own = await startMysqlServer({ flavour });
    const shop = await openShop(own, redis.url);
    const daemon = await startDaemon(shop.config());
    try {
      await daemon.ready();
      await shop.settled();
      await eventually('the history has an entry', async () => {
        const rows = await shop.db.query(`SELECT 1 FROM ${shop.db.stateDatabase}.position_history`);
        return rows.length > 0;
      });
      const moment = iso(Date.now());
      for (let file = 0; file < 2; file += 1) {
        await shop.db.query('FLUSH BINARY LOGS');
        await shop.settled();
      }
      const files = await shop.db.query('SHOW BINARY LOGS');
      await shop.db.query('PURGE BINARY LOGS TO ?', [String(files.at(-1)?.['Log_name'])]);
      expect(await act(daemon, `/position/rewind?to=${moment}`)).toMatchObject({
        status: 422,
        body: { code: 'UNSTALE_POSITION_PURGED' },
      });
      await daemon.stop();
      const offline = await configIn(daemon.configFile);
      expect(await refusalOf(rewindStopped(offline, Date.parse(moment), ''))).toMatch(
        /^UNSTALE_POSITION_PURGED/,
      );
    } finally {
      await daemon.kill();
      await shop.close();
      await own.destroy();
    }
  });
});

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
