// `npm run demo`: a throwaway shop, and what unstale does for its cache. Exit 0 if no key was missed, 1 if one
// was or the demo could not run, 130 after Ctrl-C.
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Redis } from 'ioredis';
import type { Pool } from 'mysql2/promise';

import { freePort } from '../servers/free-port.ts';
import { installedMysqlFlavours } from '../servers/installed.ts';
import type { MysqlFlavour } from '../servers/installed.ts';
import { startMysqlServer } from '../servers/mysql-server.ts';
import { startRedisServer } from '../servers/redis-server.ts';
import { temporaryDirectory } from '../servers/run-directory.ts';
import { cachedEntries, countCached, fill, keyOf, NOTHING, readEntries, watchDeletions } from './cache.ts';
import type { DeletionWatch } from './cache.ts';
import { startDaemon } from './daemon.ts';
import type { Daemon, DaemonOptions } from './daemon.ts';
import { blank, count, duration, mute, note, percentile, row, section, title } from './report.ts';
import {
  cancelOrder,
  changeEmail,
  changePrice,
  DAEMON_PASSWORD,
  failToPlaceOrder,
  findUser,
  openShop,
  placeOrder,
  raisePrices,
  startTraffic,
  storedPosition,
} from './shop.ts';
import type { Write } from './shop.ts';

const usage = 'usage: npm run demo [-- --flavour mysql|mariadb]';
const removalTimeoutMs = 15_000;
const writers = 4;
const writesPerPhase = 1_000;
const repricedProducts = 5_000;

/** What the parts of the story share. */
interface Stage {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly watch: DeletionWatch;
  readonly daemonOptions: DaemonOptions;
  daemon: Daemon;
}

/** What the summary is made of. */
interface Tally {
  changes: number;
  /** Commit to deletion of a change's last key, ms, of the changes made while the daemon ran. */
  readonly latencies: number[];
  /** Keys that are still cached though their row has changed. */
  readonly missed: Set<string>;
  /** Whatever else must not happen, as sentences. */
  readonly problems: string[];
}

const startedAt = performance.now();
const cleanups: (() => Promise<unknown>)[] = [];
let logFile: string | undefined;

process.exitCode = await main();

async function main(): Promise<number> {
  endOnSignals();
  try {
    const flavour = await chooseFlavour();
    const tally: Tally = { changes: 0, latencies: [], missed: new Set(), problems: [] };
    const stage = await setUp(flavour);
    await changeByChange(stage, tally);
    await killAndRestart(stage, tally);
    await compareAll(stage, tally);
    await shutDown(stage, tally);
    const failed = summarize(stage, tally, await storedPosition(stage.pool));
    if (failed) await keepLog();
    return failed ? 1 : 0;
  } catch (error) {
    blank();
    note(`The demo failed: ${error instanceof Error ? error.message : String(error)}`, 'bad');
    await keepLog();
    return 1;
  } finally {
    await cleanUp();
  }
}

async function chooseFlavour(): Promise<MysqlFlavour> {
  const installed = await installedMysqlFlavours();
  const wanted = readFlavour();
  const flavour = wanted ?? installed[0];
  if (flavour === undefined || !installed.includes(flavour)) {
    throw new Error(`${wanted ?? 'MySQL'} is not installed; run: node scripts/setup.mjs`);
  }
  return flavour;
}

function readFlavour(): MysqlFlavour | undefined {
  const { values } = parseArgs({ options: { flavour: { type: 'string' } } });
  const { flavour } = values;
  if (flavour === undefined || flavour === 'mysql' || flavour === 'mariadb') return flavour;
  throw new Error(`--flavour is neither mysql nor mariadb; ${usage}`);
}

async function setUp(flavour: MysqlFlavour): Promise<Stage> {
  title('unstale demo: the cache follows the database, without invalidation code in the application');
  section('Throwaway servers and the daemon, all on free ports');
  const [mysql, server] = await Promise.all([
    startMysqlServer({ flavour }),
    startRedisServer({ args: ['--notify-keyspace-events', 'Kg'] }),
  ]);
  cleanups.push(mysql.destroy, server.destroy);
  const pool = await openShop(mysql.rootUrl, writers);
  cleanups.push(() => pool.end());
  row(
    `${flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${mysql.version}`,
    `127.0.0.1:${mysql.port}, database shop`,
  );
  row(`Redis ${server.version}`, `127.0.0.1:${server.port}, empty`);

  const redis = new Redis(server.port);
  const subscriber = new Redis(server.port);
  cleanups.push(async () => [redis, subscriber].map((client) => client.disconnect()));
  const watch = await watchDeletions(subscriber);

  logFile = join(await temporaryDirectory('daemon'), 'unstale.log');
  const adminPort = await freePort();
  const daemonOptions = {
    mysqlPort: mysql.port,
    mysqlPassword: DAEMON_PASSWORD,
    redisPort: server.port,
    adminPort,
    logFile,
  };
  const launchedAt = performance.now();
  const daemon = await launch(daemonOptions);
  row(
    'unstale run -c config/demo.yaml',
    `ready, http://127.0.0.1:${adminPort}`,
    duration(performance.now() - launchedAt),
  );

  section('The application fills its cache with what it reads from MySQL');
  const entries = await readEntries(pool);
  await fill(redis, entries);
  for (const key of [
    keyOf.user(7),
    keyOf.userByEmail((await findUser(pool, 7)).email),
    keyOf.product(5_001),
  ]) {
    row(key, entries.get(key) ?? '');
  }
  note(`and so on: ${count(entries.size)} entries of users, products, orders and order lists`);
  return { pool, redis, watch, daemonOptions, daemon };
}

async function launch(options: DaemonOptions): Promise<Daemon> {
  const daemon = await startDaemon(options);
  cleanups.push(daemon.kill);
  return daemon;
}

/** A committed change, and what Redis deleted meanwhile. */
interface Outcome {
  readonly removed: readonly string[];
  readonly latency: number;
}

async function changeByChange(stage: Stage, tally: Tally): Promise<void> {
  const { pool, redis, watch } = stage;
  section('The application only writes to MySQL; each change removes the keys that it made stale');
  row('change', 'keys removed from Redis', 'after', 'faint');

  const user = await findUser(pool, 7);
  const newEmail = 'ada@new.example.com';
  await redis.set(keyOf.userByEmail(newEmail), NOTHING);
  const both = [keyOf.userByEmail(user.email), keyOf.userByEmail(newEmail)];
  show('new e-mail address: the keys of both', [
    await change(stage, tally, [keyOf.user(user.id), ...both], () => changeEmail(pool, user.id, newEmail)),
  ]);
  show('another price', [await change(stage, tally, [keyOf.product(5_001)], () => changePrice(pool, 5_001))]);
  show('order placed: 2 items, stock taken', [
    await change(stage, tally, [keyOf.userOrders(12), keyOf.product(5_011), keyOf.product(5_012)], () =>
      placeOrder(pool, 12, [5_011, 5_012]),
    ),
  ]);

  // The binlog is in order: once a later change is through, an earlier one would have been, too.
  const before = watch.removed.length;
  await failToPlaceOrder(pool, 13, [5_021, 5_022]);
  const later = [keyOf.order(40), keyOf.orderItems(40), keyOf.userOrders(41)];
  const cancelled = await change(stage, tally, later, () => cancelOrder(pool, 40));
  const leaked = watch.removed.slice(before).filter((key) => !later.includes(key));
  const untouched = [keyOf.userOrders(13), keyOf.product(5_021), keyOf.product(5_022)];
  const kept = await countCached(redis, untouched);
  if (leaked.length > 0 || kept < untouched.length) {
    tally.problems.push(`a transaction that was rolled back removed ${leaked.join(' ')}`);
  }
  row('the same, but rolled back', `none, all ${kept} are still there`, '', 'good');
  show('order cancelled: rows deleted', [cancelled]);

  const repriced = Array.from({ length: repricedProducts }, (_, index) => keyOf.product(index + 1));
  const sale = await change(stage, tally, repriced, () => raisePrices(pool, repricedProducts));
  row(
    `${count(repricedProducts)} prices in one transaction`,
    `${count(sale.removed.length)} keys`,
    duration(sale.latency),
  );
}

function show(what: string, outcomes: readonly Outcome[]): void {
  for (const { removed, latency } of outcomes) {
    const [first = 'none', ...rest] = removed;
    row(what, first, duration(latency));
    for (const key of rest) row('', key);
  }
}

/** Makes a change, and waits until its keys are gone. */
async function change(
  { redis, watch, daemon }: Stage,
  tally: Tally,
  stale: readonly string[],
  write: () => Promise<number>,
): Promise<Outcome> {
  const cached = await countCached(redis, stale);
  if (cached < stale.length) throw new Error(`only ${cached} of ${stale.join(' ')} are cached`);
  const before = watch.removed.length;
  const sentAt = await write();
  await Promise.race([watch.gone(stale, removalTimeoutMs), daemon.lost]);
  const removed = watch.removed.slice(before);
  const times = stale.map((key) => watch.removedAt(key) ?? Number.NaN);
  const latency = Math.max(...times) - sentAt;
  tally.changes += 1;
  if (!Number.isNaN(latency)) tally.latencies.push(latency);
  await noteMissed(redis, tally, stale);
  return { removed, latency };
}

/** Asks Redis itself: announcements are for the times, and for not having to ask again and again. */
async function noteMissed(redis: Redis, tally: Tally, stale: readonly string[]): Promise<number> {
  if ((await countCached(redis, stale)) === 0) return 0;
  const before = tally.missed.size;
  for (const key of stale) if ((await redis.exists(key)) === 1) tally.missed.add(key);
  return tally.missed.size - before;
}

async function killAndRestart(stage: Stage, tally: Tally): Promise<void> {
  const { pool, redis, watch } = stage;
  section('The daemon is killed in the middle of writes');
  const keysOf = await userKeys(pool);
  const stale = (writes: readonly Write[]): string[] => writes.flatMap(({ userId }) => keysOf(userId));
  const latency = ({ userId, sentAt }: Write): number =>
    Math.max(...keysOf(userId).map((key) => watch.removedAt(key) ?? Number.NaN)) - sentAt;

  const traffic = startTraffic(pool, 100, 20_000, writers);
  const { writes } = traffic;
  await Promise.race([traffic.more(writesPerPhase), stage.daemon.lost]);
  await stage.daemon.kill();
  const atKill = writes.length;
  await watch.caughtUp();
  const beforeKill = writes
    .slice(0, atKill)
    .map(latency)
    .filter((ms) => !Number.isNaN(ms));
  const removedBefore = watch.removed.length;
  row(`${count(beforeKill.length)} writes while it ran`, 'their keys are gone', '');
  row('kill -9', `no time to store anything`, '', 'bad');

  await traffic.more(writesPerPhase);
  const offline = writes.slice(0);
  const staleNow = await countCached(redis, stale(offline));
  row(
    `${count(offline.length - atKill)} writes while it was dead`,
    `${count(staleNow)} keys are stale`,
    '',
    'bad',
  );
  if (watch.removed.length > removedBefore)
    tally.problems.push('keys were removed while the daemon was dead');

  const position = await storedPosition(pool);
  const launchedAt = performance.now();
  stage.daemon = await launch(stage.daemonOptions);
  const readyAt = performance.now();
  row('started again, writes go on', `resumes at ${position}`, duration(readyAt - launchedAt));
  const backlog = writes.slice(0);
  await Promise.race([watch.gone(stale(backlog), removalTimeoutMs), stage.daemon.lost]);
  const caughtUpAt = performance.now();
  await Promise.race([traffic.more(writesPerPhase), stage.daemon.lost]);
  await traffic.stop();

  await Promise.race([watch.gone(stale(writes), removalTimeoutMs), stage.daemon.lost]);
  const missed = await noteMissed(redis, tally, stale(writes));
  row(
    `${count(writes.length - offline.length)} writes after the start`,
    'caught up',
    duration(caughtUpAt - readyAt),
  );
  const all = stale(writes).length;
  row(
    `${count(writes.length)} writes in all`,
    `${count(all - missed)} of ${count(all)} keys are gone`,
    '',
    missed === 0 ? 'good' : 'bad',
  );
  const afterwards = writes.filter(({ sentAt }) => sentAt >= caughtUpAt).map(latency);
  tally.latencies.push(...beforeKill, ...afterwards.filter((ms) => !Number.isNaN(ms)));
  tally.changes += writes.length;
}

/** The two keys of a user, by id. */
async function userKeys(pool: Pool): Promise<(userId: number) => string[]> {
  const emails = new Map<number, string>();
  for (const [key, id] of await readEntries(pool)) {
    if (key.startsWith(keyOf.userByEmail(''))) emails.set(Number(id), key);
  }
  return (userId) => [keyOf.user(userId), emails.get(userId) ?? ''];
}

async function compareAll({ pool, redis }: Stage, tally: Tally): Promise<void> {
  section('Everything that is still cached, compared with MySQL');
  const current = await readEntries(pool);
  const cached = await cachedEntries(redis);
  const wrong = [...cached]
    .filter(([key, value]) => value !== (current.get(key) ?? NOTHING))
    .map(([key]) => key);
  for (const key of wrong) tally.missed.add(key);
  row(
    `${count(cached.size)} entries`,
    `${count(wrong.length)} differ`,
    '',
    wrong.length === 0 ? 'good' : 'bad',
  );
}

async function shutDown({ daemon }: Stage, tally: Tally): Promise<void> {
  section('An orderly end');
  const before = performance.now();
  const code = await daemon.stop();
  row(
    'SIGTERM: drains, stores the position',
    `exit code ${code}`,
    duration(performance.now() - before),
    code === 0 ? 'good' : 'bad',
  );
  if (code !== 0) tally.problems.push(`the daemon ended with exit code ${code} after SIGTERM`);
}

/** Prints the result; returns whether the demo failed. */
function summarize({ watch }: Stage, tally: Tally, position: string | undefined): boolean {
  const { missed, problems, latencies } = tally;
  if (position === undefined) problems.push('no position is stored');
  section('Summary');
  row('changes', count(tally.changes));
  row('keys removed', count(watch.removed.length));
  row('missed', count(missed.size), '', missed.size === 0 ? 'good' : 'bad');
  const p = (share: number): string => duration(percentile(latencies, share));
  row('commit to deletion', `p50 ${p(0.5)}, p99 ${p(0.99)}`);
  row('position stored', position ?? 'none');
  row('took', duration(performance.now() - startedAt));
  if (missed.size > 0) note(`missed: ${[...missed].slice(0, 10).join(' ')}`, 'bad');
  for (const problem of problems) note(problem, 'bad');
  if (missed.size > 0 || problems.length > 0) return true;
  blank();
  title('Next');
  note('README.md has a five-minute guide for your own MySQL and Redis.', 'plain');
  note('node dist/cli/unstale.js init     writes a configuration to start from', 'plain');
  note('node dist/cli/unstale.js --help   lists the other commands', 'plain');
  return false;
}

/** The directory of the run goes at exit; the log of a failed run is worth keeping. */
async function keepLog(): Promise<void> {
  if (logFile === undefined) return;
  const kept = join(tmpdir(), `unstale-demo-${process.pid}.log`);
  const copied = await copyFile(logFile, kept).then(
    () => true,
    () => false,
  );
  if (copied) note(`The daemon's log: ${kept}`, 'bad');
}

async function cleanUp(): Promise<void> {
  // The daemon goes before its servers, so in the reverse order.
  for (const end of cleanups.splice(0).reverse()) await end().catch(() => undefined);
}

function endOnSignals(): void {
  let signals = 0;
  const end = (): void => {
    signals += 1;
    // Child processes and files go at exit in any case, only less gently.
    if (signals > 1) process.exit(130);
    note('\nInterrupted: ending the servers and removing their data.');
    mute();
    void cleanUp().finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
}
