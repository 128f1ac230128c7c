// `npm run demo`: a throwaway shop, and what unstale does for its cache. Exit 0 if no key was missed, 1 if one
// was or the demo could not run, 130 after Ctrl-C.
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Redis } from 'ioredis';

import { freePort } from '../servers/free-port.ts';
import { installedMysqlFlavours } from '../servers/installed.ts';
import type { MysqlFlavour } from '../servers/installed.ts';
import { startMysqlServer } from '../servers/mysql-server.ts';
import { startRedisServer } from '../servers/redis-server.ts';
import { temporaryDirectory } from '../servers/run-directory.ts';
import { fill, keyOf, readEntries, watchDeletions } from './cache.ts';
import { startDaemon } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { blank, count, duration, mute, note, percentile, row, section, title } from './report.ts';
import { DAEMON_PASSWORD, findUser, openShop, storedPosition } from './shop.ts';
import {
  APPLICATION_CONNECTIONS,
  changeByChange,
  compareAll,
  goOn,
  killAndRestart,
  shutDown,
} from './story.ts';
import type { Stage, Tally } from './story.ts';

const usage = 'usage: npm run demo [-- --flavour mysql|mariadb] [--stay]';
const startedAt = performance.now();
const cleanups: (() => Promise<unknown>)[] = [];
let logFile: string | undefined;

// Nothing of a start that failed half-way may keep the process alive.
process.exit(await main());

async function main(): Promise<number> {
  // What the story does after an interruption no longer matters, its connections are being cut.
  const exitCode = await Promise.race([tellStory(), interrupted()]);
  if (exitCode === 1) await keepLog();
  await cleanUp();
  return exitCode;
}

async function tellStory(): Promise<number> {
  try {
    const flavour = await chooseFlavour();
    const tally: Tally = { changes: 0, latencies: [], missed: new Set(), problems: [] };
    const stage = await setUp(flavour);
    await changeByChange(stage, tally);
    await killAndRestart(stage, tally);
    await compareAll(stage, tally);
    if (options().stay) await goOn(stage);
    await shutDown(stage, tally);
    if (summarize(stage, tally, await storedPosition(stage.pool))) return 0;
  } catch (error) {
    blank();
    note(`The demo failed: ${error instanceof Error ? error.message : String(error)}`, 'bad');
  }
  return 1;
}

async function chooseFlavour(): Promise<MysqlFlavour> {
  const wanted = readFlavour();
  const installed = await installedMysqlFlavours();
  const flavour = wanted ?? installed[0];
  if (flavour === undefined || !installed.includes(flavour)) {
    throw new Error(`${wanted ?? 'MySQL'} is not installed; run: node scripts/setup.mjs`);
  }
  return flavour;
}

function options(): { readonly flavour?: string | undefined; readonly stay: boolean } {
  return parseArgs({ options: { flavour: { type: 'string' }, stay: { type: 'boolean', default: false } } })
    .values;
}

function readFlavour(): MysqlFlavour | undefined {
  const { flavour } = options();
  if (flavour === undefined || flavour === 'mysql' || flavour === 'mariadb') return flavour;
  throw new Error(`--flavour is neither mysql nor mariadb; ${usage}`);
}

async function setUp(flavour: MysqlFlavour): Promise<Stage> {
  title('unstale demo: the cache follows the database, and the application has no code for it');
  section('Throwaway servers and the daemon, on free ports');
  const [mysql, server] = await Promise.all([
    startMysqlServer({ flavour }).then(disposable),
    startRedisServer({ args: ['--notify-keyspace-events', 'Kg'] }).then(disposable),
  ]);
  const pool = await openShop(mysql.rootUrl, APPLICATION_CONNECTIONS);
  cleanups.push(async () => pool.end());
  row(
    `${flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${bare(mysql.version)}`,
    `127.0.0.1:${mysql.port}, database shop`,
  );
  row(`Redis ${server.version}`, `127.0.0.1:${server.port}, empty`);

  const [redis, subscriber] = [new Redis(server.port), new Redis(server.port)];
  cleanups.push(async () => [redis, subscriber].forEach((client) => client.disconnect()));
  const watch = await watchDeletions(subscriber);

  const adminPort = await freePort();
  logFile = join(await temporaryDirectory('daemon'), 'unstale.log');
  const daemonOptions = {
    mysqlPort: mysql.port,
    mysqlPassword: DAEMON_PASSWORD,
    redisPort: server.port,
    adminPort,
    logFile,
  };
  const launch = async (): Promise<Daemon> => {
    const daemon = await startDaemon(daemonOptions);
    cleanups.push(async () => daemon.kill());
    return daemon;
  };
  const launchedAt = performance.now();
  const daemon = await launch();
  const readyAfter = duration(performance.now() - launchedAt);
  row('unstale run -c config/demo.yaml', `ready, http://127.0.0.1:${adminPort}`, readyAfter);

  section('The application fills its cache with what it reads from MySQL');
  const entries = await readEntries(pool);
  await fill(redis, entries);
  const { email } = await findUser(pool, 7);
  for (const key of [keyOf.user(7), keyOf.userByEmail(email), keyOf.product(5_001), keyOf.userOrders(12)]) {
    row(key, entries.get(key) ?? '');
  }
  row('and so on', `${count(entries.size)} entries in all`);
  return { pool, redis, watch, launch, daemon, console: `http://127.0.0.1:${adminPort}/console` };
}

/** `10.11.19` of `10.11.19-MariaDB-log`. */
function bare(version: string): string {
  return version.split('-', 1)[0] ?? version;
}

function disposable<T extends { destroy(): Promise<void> }>(server: T): T {
  cleanups.push(async () => server.destroy());
  return server;
}

/** Prints the result; returns whether all is well. */
function summarize({ watch }: Stage, tally: Tally, position: string | undefined): boolean {
  const { missed, problems, latencies } = tally;
  if (position === undefined) problems.push('no position is stored');
  const p = (share: number): string => duration(percentile(latencies, share));
  section('Summary');
  row('changes', count(tally.changes));
  row('keys removed', count(watch.removed.length));
  row('missed', count(missed.size), '', missed.size === 0 ? 'good' : 'bad');
  row('from commit to removal, while it ran', `p50 ${p(0.5)}, p99 ${p(0.99)}`);
  row('position stored', position ?? 'none');
  row('time taken', duration(performance.now() - startedAt));
  for (const key of [...missed].slice(0, 5)) note(`missed, for example: ${key}`, 'bad');
  for (const problem of problems) note(problem, 'bad');
  if (missed.size > 0 || problems.length > 0) return false;
  blank();
  title('What next');
  note('README.md: the five-minute guide for your own MySQL and Redis', 'plain');
  note('npm run demo -- --stay: goes on until Ctrl-C, to be watched in the console', 'plain');
  note('node dist/cli/unstale.js init: writes a configuration to start from', 'plain');
  return true;
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

/** The daemon goes before its servers: in the reverse order. */
async function cleanUp(): Promise<void> {
  for (let end = cleanups.pop(); end !== undefined; end = cleanups.pop()) await end().catch(() => undefined);
}

/** Resolves with the exit code once a signal asks for the end; a second one ends at once. */
async function interrupted(): Promise<number> {
  return new Promise((resolve) => {
    let since: number | undefined;
    const end = (): void => {
      // npm passes on the Ctrl-C that the terminal has sent already; that is not a second one.
      if (since !== undefined && performance.now() - since < 500) return;
      // Child processes and files go at exit in any case, only less gently.
      if (since !== undefined) process.exit(130);
      since = performance.now();
      blank();
      note('Interrupted: ending the servers and removing their data.');
      mute();
      resolve(130);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  });
}
