import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { startDaemon } from './daemon-process.ts';
import type { DaemonProcess } from './daemon-process.ts';
import { createDatabase } from './database.ts';
import type { DatabaseServer, TestDatabase } from './database.ts';
import { eventually } from './eventually.ts';
import { createHotRows, startWriters } from './hot-rows.ts';
import type { Writers } from './hot-rows.ts';
import type { LossyFailover } from './lossy-failover.ts';
import { keyHistory } from './key-history.ts';
import { startRaceReaders } from './race-readers.ts';
import type { RaceReadersOptions } from './race-readers.ts';
import { staleKeys } from './stale-keys.ts';
import type { Staleness } from './stale-keys.ts';

/** The Redis of a race: how to reach it, and how it fails over. */
export interface RaceRedis {
  /** `redis` of the daemon's configuration. */
  readonly config: Readonly<Record<string, unknown>>;
  /** A client that follows the master. */
  readonly connect: () => Redis;
  /** Makes another server the master, which lacks what was acknowledged last. */
  readonly failOver?: (failover: LossyFailover) => Promise<void>;
}

export interface RaceOptions {
  readonly server: DatabaseServer;
  readonly redis: RaceRedis;
  readonly readers: RaceReadersOptions['by'];
  readonly seconds: number;
  /** When the daemon is killed, as shares of the time. */
  readonly kills: readonly number[];
  /** When Redis fails over, as a share of the time; the daemon is killed once more while it answers that. */
  readonly failover?: number;
}

export interface RaceResult extends Staleness {
  readonly reads: ReadonlyMap<string, number>;
  readonly writes: Writers['counts'];
  readonly kills: number;
  readonly failovers: number;
  /** Keys that the failover made stale, of rows that were not written any more. */
  readonly revived: number;
  /** How long the daemon took after the last disturbance until it was up to date. */
  readonly caughtUpMs: number;
  /** Times that the daemons applied changes again because of a failover. */
  readonly replays: number;
}

/** Writes of which the deletes are acknowledged and then lost, at least. */
const LOST_WRITES = 200;
/** How long readers and writers race at least after the last disturbance. */
const CALM_MS = 3_000;
/** Writes that are committed while no daemon runs, at least. */
const MISSED_WRITES = 100;

/**
 * Readers and writers of the same few rows race, while the daemon is killed and Redis fails over; at the end
 * everything in the cache is compared with the database.
 */
export async function runRefillRace(options: RaceOptions): Promise<RaceResult> {
  const { server, redis, seconds } = options;
  const db = await createDatabase(server);
  const client = redis.connect();
  const history = keyHistory();
  const daemons: DaemonProcess[] = [];
  let stop = (): Promise<void> => Promise.resolve();
  const started = async (): Promise<DaemonProcess> => {
    const daemon = await startDaemon(configOf(db, options));
    daemons.push(daemon);
    await daemon.ready(60_000);
    history.all('a daemon is ready');
    return daemon;
  };
  const restart = async (meanwhile?: () => Promise<void>): Promise<void> => {
    await daemons.at(-1)?.kill();
    history.all('the daemon is killed');
    await meanwhile?.();
    await started();
  };
  try {
    await createHotRows(db);
    await started();
    const kinds = rulesOf(db.name, options.readers).map(
      ({ name }) =>
        (id: number) =>
          `${db.name}:${name}:${id}`,
    );
    const { connect } = redis;
    const readers = startRaceReaders({
      server,
      schema: db.name,
      history,
      connect,
      kinds,
      by: options.readers,
    });
    const writers = startWriters(db, history);
    stop = async () => {
      await Promise.all([writers.stop(), readers.stop()]);
    };
    const settled = fences(db, client);
    let revived = 0;
    const begin = performance.now();
    const reached = (share: number): Promise<void> =>
      // The disturbances come on the clock, not on an event.
      sleep(Math.max(0, begin + share * seconds * 1000 - performance.now()));

    const failOver = async (): Promise<void> => {
      history.all('the failover begins');
      let alone: readonly number[] = [];
      await redis.failOver?.({
        meanwhile: async () => {
          await writers.more(LOST_WRITES);
          // Only the repetition can remove their keys after this.
          alone = await writers.leaveSomeAlone();
          await settled();
        },
        inspect: async (replica) => {
          revived = (await staleKeys(db, replica, kinds, history, alone)).stale.length;
        },
      });
      history.all('another server leads');
      await daemons.at(-1)?.logged('the failover', ({ msg }) => msg === OTHER_DATA, 30_000);
      // Somewhere in the repetition, or behind it.
      await sleep(Math.random() * 300);
      await restart();
    };
    const killed = (): Promise<void> =>
      restart(async () => {
        await writers.more(MISSED_WRITES);
        // Only the position at which the next daemon resumes can make up for these.
        await writers.leaveSomeAlone();
      });
    const disturbances = options.kills.map((at) => ({ at, happen: killed }));
    if (options.failover !== undefined) disturbances.push({ at: options.failover, happen: failOver });
    for (const { at, happen } of disturbances.toSorted((one, other) => one.at - other.at)) {
      await reached(at);
      await happen();
    }
    // A daemon that is behind removes at the end what it would have let through before: the race has to end in calm.
    const behind = performance.now();
    await settled();
    const caughtUpMs = Math.round(performance.now() - behind);
    history.all('the daemon has caught up');
    await Promise.all([reached(1), sleep(CALM_MS)]);
    await stop();
    history.all('readers and writers have ended');
    await drained(daemons.at(-1)!, settled);
    history.all('the daemon has applied everything');
    return {
      ...(await staleKeys(db, client, kinds, history)),
      reads: readers.counts,
      writes: writers.counts,
      kills: daemons.length - 1,
      failovers: options.failover === undefined ? 0 : 1,
      revived,
      caughtUpMs,
      replays: daemons.flatMap(({ logs }) => logs.filter(({ msg }) => REPLAYS.includes(String(msg)))).length,
    };
  } finally {
    // After a failure they still run; that one is to be reported, not theirs.
    await stop().catch(() => undefined);
    for (const daemon of daemons) await daemon.kill();
    client.disconnect();
    await db.drop();
  }
}

/** What the daemon says when it sees that Redis failed over. */
const OTHER_DATA = 'other data is in Redis than before';
/** What the daemon says when it repeats changes because of it, while it runs and at its start. */
const REPLAYS: readonly string[] = [
  'applying changes again that Redis may have lost',
  'the data in Redis is not what the position speaks of: changes are applied again',
];

const VERSION = { column: 'row_version' };

/** The rules of a race, by the kind of their keys. */
function rulesOf(schema: string, by: RaceReadersOptions['by']): readonly { name: string; rule: object }[] {
  const rule = (name: string, more: object): { name: string; rule: object } => ({
    name,
    rule: { table: `${schema}.hot`, key: `${schema}:${name}:{id}`, ...more },
  });
  // As many keys as the kit has.
  if (by === 'cache-aside')
    return ['plain-a', 'plain-b', 'plain-c'].map((name) => rule(name, { guard: 'none' }));
  const value = { format: 'json', columns: ['id', 'n', 'row_version'] };
  return [
    rule('lease', { guard: 'lease' }),
    rule('version', { guard: 'version', version: VERSION }),
    rule('update', { action: 'update', create: true, version: VERSION, ttl: '10m', value }),
  ];
}

function configOf(db: TestDatabase, { redis, readers }: RaceOptions): Record<string, unknown> {
  return {
    client_id: db.name,
    source: { url: db.url, heartbeat_interval: '500ms' },
    state: { database: db.stateDatabase, flush_interval: '200ms' },
    redis: redis.config,
    rules: [
      ...rulesOf(db.name, readers).map(({ rule }) => rule),
      { table: `${db.name}.fence`, key: `${db.name}:fence:{id}` },
    ],
  };
}

/** Resolves when the daemon has worked off a change that is committed now. */
function fences(db: TestDatabase, client: Redis): () => Promise<void> {
  let last = 0;
  return async () => {
    last += 1;
    const key = `${db.name}:fence:${last}`;
    await client.set(key, 'there');
    await db.query('INSERT INTO fence VALUES (?)', [last]);
    await eventually(
      'the fence row is worked off',
      () => client.exists(key),
      (count) => count === 0,
      { timeoutMs: 60_000 },
    );
  };
}

/** A batch may overtake one that has to be sent again, so that the fence alone is not enough. */
async function drained(daemon: DaemonProcess, settled: () => Promise<void>): Promise<void> {
  await settled();
  await eventually(
    'Redis has acknowledged everything that was read',
    async () => (await daemon.metrics()).sum('unstale_in_flight_bytes'),
    (bytes) => bytes === 0,
    { timeoutMs: 60_000 },
  );
}

/** One line for people. */
export function describeRace(result: RaceResult): string {
  const { reads, writes, kills, failovers, revived, replays, caughtUpMs, cached, stale } = result;
  const counted = [...reads].toSorted(([one], [other]) => one.localeCompare(other));
  return (
    `${counted.map(([what, times]) => `${what} ${times}`).join(', ')}; ` +
    `writes ${Object.entries(writes)
      .map(([what, times]) => `${what} ${times}`)
      .join(', ')}; ` +
    `${kills} kills, ${failovers} failovers that revived ${revived} old values, ${replays} replays, caught up in ${caughtUpMs} ms; ${cached} keys cached, ${stale.length} stale`
  );
}
