import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { createReader, fromIoredis } from '../../src/reader/index.ts';
import type { FillResult, Reader } from '../../src/reader/index.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { purgeBinlogs } from '../support/gaps.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer, TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { anyMysql } from '../support/mysql-servers.ts';

/** When readers read and when they fill, in turn. */
const MOMENTS = ['in the gap', 'waiting', 'removing leases', 'removing keys', 'ready'] as const;
type Moment = (typeof MOMENTS)[number];

/** So many that each pass over the keyspace takes a second or two at the lowest rate. */
const UNMAPPED = 2_000;
const WITNESSES = 200;
const LEASE_MS = 120_000;

/** A reader between its SELECT and its fill. */
interface Loading {
  readonly until: Moment;
  readonly fill: () => Promise<void>;
}

// Adversarial case 17 of the protocol.
describe.each(anyMysql())('17: $label has purged what was not read', ({ flavour }) => {
  let server: TestMysqlServer;
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;
  let reader: Reader;
  const fills = new Map<string, FillResult>();

  beforeAll(async () => {
    [server, redis] = await Promise.all([startMysqlServer({ flavour }), startRedisServer()]);
  });
  afterAll(async () => {
    await Promise.all([server.destroy(), redis.destroy()]);
  });

  beforeEach(async () => {
    fills.clear();
    shop = await openShop(server, redis.url);
    reader = createReader({
      redis: fromIoredis(shop.redis),
      source: 'primary',
      lease: LEASE_MS,
      loadTimeout: LEASE_MS,
      redisTimeout: 5_000,
      observer: { fill: (key, result) => fills.set(key, result) },
    });
  });
  afterEach(async () => {
    reader.close();
    await daemon.kill();
    await shop.close();
  });

  /** A row for each pair of moments, so that every reader is alone with its key. */
  const idOf = (from: Moment, until: Moment): number =>
    1 + MOMENTS.indexOf(from) * MOMENTS.length + MOMENTS.indexOf(until);
  const keyOf = (id: number): string => shop.key(`user:${id}`);
  const filled = (from: Moment, until: Moment): FillResult | undefined => fills.get(keyOf(idOf(from, until)));

  const nameOf = async (id: number): Promise<string> => {
    const [row] = await shop.db.query('SELECT name FROM users WHERE id = ?', [id]);
    return String(row?.['name']);
  };
  const load = async (id: number, until: Moment): Promise<Loading> => {
    const [read, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const value = reader.get(keyOf(id), async () => {
      const name = await nameOf(id);
      read.resolve();
      await go.promise;
      return name;
    });
    await read.promise;
    return {
      until,
      fill: async () => {
        go.resolve();
        await value;
      },
    };
  };

  let loading: Loading[] = [];
  /** Readers read, their rows change behind them, and they fill with those whose time has come. */
  const pass = async (moment: Moment): Promise<void> => {
    for (const until of MOMENTS.slice(MOMENTS.indexOf(moment))) {
      const id = idOf(moment, until);
      loading.push(await load(id, until));
      await shop.db.query("UPDATE users SET name = 'new' WHERE id = ?", [id]);
    }
    const due = loading.filter(({ until }) => until === moment);
    loading = loading.filter(({ until }) => until !== moment);
    await Promise.all(due.map(({ fill }) => fill()));
  };

  const follow = async (source: Readonly<Record<string, unknown>> = {}): Promise<void> => {
    daemon = await startDaemon(shop.config({ source, redis: { scope_scan_rate: 1_000 } }));
  };
  const leasesAreGone = ({ msg, patterns }: Readonly<Record<string, unknown>>): boolean =>
    msg === 'removed all keys of scopes' && JSON.stringify(patterns).includes('unstale:');

  it('while readers hold rows they read before, during and after the flush: no old row stays, and it is not ready before keys and leases are gone', async () => {
    await follow();
    await daemon.ready();
    const ids = MOMENTS.flatMap((from) => MOMENTS.map((until) => idOf(from, until)));
    await shop.db.query(`INSERT INTO users (id, name) VALUES ${ids.map((id) => `(${id}, 'old')`).join()}`);
    await shop.settled();
    await daemon.stop();

    // Spread over the keyspace, so that the flush meets the last of them at its end.
    const witnesses = Array.from({ length: WITNESSES }, (_, index) => keyOf(100_000 + index));
    const leases = witnesses.map((key) => companionKey(`${key}:leased`));
    await shop.redis.mset(Object.fromEntries(witnesses.map((key) => [key, '"cached"'])));
    await Promise.all(leases.map((key) => shop.redis.hset(key, 'l', 'token')));
    await shop.redis.mset(
      Object.fromEntries(Array.from({ length: UNMAPPED }, (_, n) => [`unmapped:${n}`, ''])),
    );
    await pass('in the gap');
    await purgeBinlogs(shop);

    await follow({ on_gap: 'invalidate', gap_wait: '2s' });
    /** What the first answer "ready" leaves. */
    const leftWhenReady = eventually(
      'the daemon is ready',
      async () => (await daemon.request('/readyz')).status,
      (status) => status === 200,
      { timeoutMs: 60_000 },
    ).then(() => shop.redis.exists(...witnesses, ...leases));

    await daemon.logged('the gap', ({ code }) => code === 'UNSTALE_POSITION_PURGED');
    await pass('waiting');
    await daemon.logged('the flush', ({ msg }) => msg === 'removing all keys of scopes');
    await pass('removing leases');
    await daemon.logged('the leases are gone', leasesAreGone, 30_000);
    await pass('removing keys');
    expect(await leftWhenReady).toBe(0);
    await pass('ready');
    await shop.settled();

    const stale: string[] = [];
    for (const id of ids) {
      const cached = await shop.redis.get(keyOf(id));
      if (cached !== null && cached !== JSON.stringify(await nameOf(id)))
        stale.push(`${keyOf(id)}: ${cached}`);
    }
    expect(stale).toEqual([]);
    // The flush had old rows to remove, and fills to outlive.
    expect(filled('in the gap', 'in the gap')).toBe('stored');
    expect(filled('in the gap', 'waiting')).toBe('stored');
    for (const from of MOMENTS.slice(0, 2)) expect(filled(from, 'ready')).toBe('voided');
  });
});
