import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { alterPosition, growBinlog, purgeBinlogs, resetBinlogs, storedPosition } from '../support/gaps.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { EVERYWHERE } from '../support/mysql-servers.ts';

/** Of no server here. */
const STRANGER = { mysql: '3e11fa47-71ca-11e1-9e33-c80aa9429562', mariadb: 'mariadb-77' } as const;
const STRANGE_GTIDS = { mysql: `${STRANGER.mysql}:1-5`, mariadb: '77-77-5' } as const;

interface Gap {
  readonly name: string;
  readonly code: string;
  /** What happens to the server or the position while the daemon is away. */
  readonly happens: (server: TestMysqlServer, shop: Shop) => Promise<void>;
  readonly source?: Readonly<Record<string, unknown>>;
}

/** A change that the daemon will never read, of a key that is cached. */
async function changeUnseen(shop: Shop): Promise<void> {
  await shop.cache('user:1', 'other:1');
  await shop.db.query('INSERT INTO users (id) VALUES (1)');
}

const resetAndPassed: Gap = {
  name: 'the binlogs were reset and the server has passed the position again',
  code: 'UNSTALE_BINLOG_RESET',
  happens: async (server, shop) => {
    const { file, offset } = await storedPosition(shop);
    await resetBinlogs(server, shop);
    await changeUnseen(shop);
    const number = Number(file.split('.')[1]);
    for (let next = 1; next < number; next += 1) await shop.db.query('FLUSH BINARY LOGS');
    await growBinlog(shop, offset);
  },
};

const purged: Gap = {
  name: 'the file of the position was purged',
  code: 'UNSTALE_POSITION_PURGED',
  happens: async (_, shop) => {
    await changeUnseen(shop);
    await purgeBinlogs(shop);
  },
};

const gaps: readonly Gap[] = [
  resetAndPassed,
  { ...resetAndPassed, name: `${resetAndPassed.name}, resumed by GTID`, source: { resume_by: 'gtid' } },
  {
    name: 'the binlogs were reset and the server has not reached the position yet',
    code: 'UNSTALE_BINLOG_RESET',
    happens: async (server, shop) => {
      await shop.db.query(`UPDATE ${shop.db.stateDatabase}.positions SET binlog_file = 'binlog.000099'`);
      await resetBinlogs(server, shop);
    },
  },
  purged,
  { ...purged, name: `${purged.name}, resumed by GTID`, source: { resume_by: 'gtid' } },
  { ...purged, name: `${purged.name}, resumed by file`, source: { resume_by: 'file' } },
  {
    name: 'the position is behind the end of its file',
    code: 'UNSTALE_POSITION_AHEAD',
    happens: async (_, shop) => alterPosition(shop, 'binlog_position = binlog_position + 100000000'),
  },
  {
    name: 'the position is inside an event',
    code: 'UNSTALE_POSITION_INVALID',
    happens: async (_, shop) => alterPosition(shop, 'binlog_position = binlog_position - 10'),
  },
  {
    name: 'the server is another one that never had the GTIDs',
    code: 'UNSTALE_GTID_FOREIGN',
    happens: async ({ flavour }, shop) =>
      alterPosition(shop, `server_uuid = '${STRANGER[flavour]}', gtid_set = '${STRANGE_GTIDS[flavour]}'`),
  },
  {
    name: 'the server is another one that was restored from an older backup',
    code: 'UNSTALE_SERVER_BEHIND',
    happens: async ({ flavour }, shop) => {
      const { serverUuid } = await storedPosition(shop);
      const ahead = flavour === 'mysql' ? `${serverUuid}:1-99999999` : '0-1-99999999';
      await alterPosition(shop, `server_uuid = '${STRANGER[flavour]}', gtid_set = '${ahead}'`);
    },
  },
  {
    name: 'the server is another one and the position has no GTIDs',
    code: 'UNSTALE_SERVER_CHANGED',
    happens: async ({ flavour }, shop) =>
      alterPosition(shop, `server_uuid = '${STRANGER[flavour]}', gtid_set = NULL`),
  },
];

describe.each(inject('servers').mysql)('a gap in the binlog of $label', ({ flavour }) => {
  let server: TestMysqlServer;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    server = await startMysqlServer({ flavour });
  });

  afterAll(async () => {
    await server.destroy();
  });

  beforeEach(async () => {
    shop = await openShop(server, inject('servers').redis.url);
  });

  afterEach(async () => {
    await daemon.kill();
    await shop.close();
  });

  /** A daemon that has followed a while and stored its position. */
  async function follow(source: Readonly<Record<string, unknown>> = {}): Promise<void> {
    daemon = await startDaemon(shop.config({ source }));
    await daemon.ready();
    await shop.settled();
  }

  async function readiness(): Promise<string> {
    return (await daemon.request('/readyz')).text();
  }

  // How a position is resumed is asked on one server, and what is read from the position alone.
  const cases =
    EVERYWHERE || flavour === 'mysql'
      ? gaps
      : gaps.filter(({ name }) => !/resumed by|inside|yet$/.test(name));

  it.each(cases)('is refused at the start when $name', async ({ code, happens, source = {} }) => {
    await follow();
    await daemon.stop();
    const before = await storedPosition(shop);
    await happens(server, shop);
    daemon = await startDaemon(shop.config({ source }));
    expect(await daemon.exited).toEqual({ code: 3, signal: null });
    expect(daemon.output()).toContain(`"code":"${code}"`);
    expect((await storedPosition(shop)).epoch).toBe(before.epoch);
  });

  it('names the missing transactions when they were purged', async () => {
    await follow();
    await daemon.stop();
    await purged.happens(server, shop);
    daemon = await startDaemon(shop.config());
    await daemon.exited;
    expect(daemon.output()).toMatch(
      flavour === 'mysql'
        ? /the server has purged [0-9a-f-]{36}:\d+(-\d+)?, which was not read yet/
        : /the server has purged everything up to 0-1-\d+, which was not read yet/,
    );
  });

  it('is none when only what was read already was purged: the daemon goes on by GTID', async () => {
    await follow();
    await daemon.stop();
    // The last write of the position is in the binlog, and was not read.
    const [row] = await shop.db.query(
      flavour === 'mysql'
        ? 'SELECT @@GLOBAL.gtid_executed AS gtids'
        : 'SELECT @@GLOBAL.gtid_binlog_pos AS gtids',
    );
    const logged = await shop.db.pool.getConnection();
    await logged.query('SET SESSION sql_log_bin = 0');
    await logged.query(`UPDATE ${shop.db.stateDatabase}.positions SET gtid_set = ?`, [
      String(row?.['gtids']),
    ]);
    await logged.query('SET SESSION sql_log_bin = 1');
    logged.release();
    await purgeBinlogs(shop);
    await shop.cache('user:1', 'user:2');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    await follow();
    expect(await shop.cached(['user:1', 'user:2'])).toEqual(['user:2']);
  });

  it('is recognised while the daemon runs when the binlogs are reset', async () => {
    await follow();
    await resetBinlogs(server, shop);
    await growBinlog(shop, (await storedPosition(shop)).offset);
    expect(await daemon.exited).toEqual({ code: 3, signal: null });
    expect(daemon.output()).toContain('"code":"UNSTALE_BINLOG_RESET"');
  });

  it.each([
    ['grows as large again', 10_000],
    ['stays small', 0],
  ])(
    'is recognised while the daemon runs when its file is reset, and one of the same name %s',
    async (_, size) => {
      await resetBinlogs(server, shop);
      await follow();
      await resetBinlogs(server, shop);
      await growBinlog(shop, size);
      expect(await daemon.exited).toEqual({ code: 3, signal: null });
      expect(daemon.output()).toContain('"code":"UNSTALE_BINLOG_RESET"');
    },
  );

  it.each(['auto', 'file'])(
    'is recognised when the binlog is purged while the connection is down, resumed by %s',
    async (resumeBy) => {
      const proxy = await startTcpProxy({ port: server.port });
      try {
        const url = new URL(shop.db.url);
        url.port = String(proxy.port);
        await follow({ url: url.href, resume_by: resumeBy });
        proxy.refuse();
        await purged.happens(server, shop);
        proxy.thaw();
        expect(await daemon.exited).toEqual({ code: 3, signal: null });
        expect(daemon.output()).toContain('"code":"UNSTALE_POSITION_PURGED"');
      } finally {
        await proxy.close();
      }
    },
  );

  describe('with on_gap: invalidate', () => {
    it.each([resetAndPassed, purged])(
      'is recovered from at the start when $name: not ready before the mapped keys are gone, other keys stay',
      async ({ code, happens }) => {
        await follow();
        await daemon.stop();
        const before = await storedPosition(shop);
        await happens(server, shop);

        daemon = await startDaemon(shop.config({ source: { on_gap: 'invalidate', gap_wait: '2s' } }));
        await eventually('readiness says why', readiness, (text) => text.includes('Recovering from a gap'));
        expect(await shop.cached(['user:1', 'other:1'])).toEqual(['user:1', 'other:1']);
        expect((await storedPosition(shop)).epoch).toBe(before.epoch);
        // A fill in flight arrives while the daemon waits.
        await shop.cache('user:2');
        await daemon.ready();
        expect(await shop.cached(['user:1', 'user:2', 'other:1'])).toEqual(['other:1']);

        await daemon.logged('the gap was found', (line) => line['code'] === code);
        await daemon.logged('it is over', (line) => String(line['msg']).startsWith('ready: recovered'));
        expect((await daemon.metrics()).sum('unstale_scope_invalidations_total', { reason: 'gap' })).toBe(1);
        await shop.settled();
        await eventually(
          'the new epoch is stored',
          async () => (await storedPosition(shop)).epoch,
          (epoch) => epoch === before.epoch + 1,
        );
        expect((await daemon.stop()).code).toBe(0);
      },
    );

    it('is recovered from while the daemon runs when the binlogs are reset', async () => {
      await follow({ on_gap: 'invalidate', gap_wait: '1s' });
      await shop.cache('user:1', 'other:1');
      await resetBinlogs(server, shop);
      const found = (line: Readonly<Record<string, unknown>>): boolean =>
        line['code'] === 'UNSTALE_BINLOG_RESET';
      await daemon.logged('the gap was found', found, 30_000);
      expect(await readiness()).toContain('Recovering from a gap');
      await daemon.ready();
      expect(await shop.cached(['user:1', 'other:1'])).toEqual(['other:1']);
      await shop.settled();
    });

    it('is recovered from again after a crash before Redis has acknowledged it', async () => {
      await follow();
      await daemon.stop();
      const before = await storedPosition(shop);
      await resetAndPassed.happens(server, shop);
      daemon = await startDaemon(shop.config({ source: { on_gap: 'invalidate', gap_wait: '1h' } }));
      await daemon.logged('the gap was found', (line) => line['code'] === 'UNSTALE_BINLOG_RESET');
      await daemon.kill();
      expect(await storedPosition(shop)).toEqual(before);

      daemon = await startDaemon(shop.config({ source: { on_gap: 'invalidate', gap_wait: '0s' } }));
      await daemon.ready();
      await daemon.logged('the gap was found again', (line) => line['code'] === 'UNSTALE_BINLOG_RESET');
      expect(await shop.cached(['user:1', 'other:1'])).toEqual(['other:1']);
    });
  });
});
