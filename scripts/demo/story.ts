import { setTimeout as delay } from 'node:timers/promises';

import type { Redis } from 'ioredis';
import type { Pool } from 'mysql2/promise';

import { cachedEntries, countCached, keyOf, NOTHING, readEntries } from './cache.ts';
import type { DeletionWatch } from './cache.ts';
import type { Daemon } from './daemon.ts';
import { count, duration, row, section } from './report.ts';
import {
  cancelOrder,
  changeEmail,
  changePrice,
  failToPlaceOrder,
  findUser,
  placeOrder,
  raisePrices,
  startTraffic,
  storedPosition,
} from './shop.ts';
import type { Write } from './shop.ts';

/** Connections of the application. */
export const APPLICATION_CONNECTIONS = 4;

const removalTimeoutMs = 15_000;
const writesPerPhase = 1_000;
const repricedProducts = 5_000;
/** Between two changes of those that go on. */
const pauseMs = 200;

/** What the parts of the story share. */
export interface Stage {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly watch: DeletionWatch;
  readonly launch: () => Promise<Daemon>;
  /** The address of the daemon's page for browsers. */
  readonly console: string;
  daemon: Daemon;
}

/** What the summary is made of. */
export interface Tally {
  changes: number;
  /** Commit to deletion of a change's last key, ms, of the changes made while the daemon ran. */
  readonly latencies: number[];
  /** Keys that are still cached though their row has changed. */
  readonly missed: Set<string>;
  /** Whatever else must not happen, as sentences. */
  readonly problems: string[];
}

export async function changeByChange(stage: Stage, tally: Tally): Promise<void> {
  const { pool, redis, watch } = stage;
  section('The application only writes to MySQL; each change removes the keys that it made stale');
  row('change', 'keys removed from Redis', 'after');

  const user = await findUser(pool, 7);
  const newEmail = 'ada@new.example.com';
  // The application looked before whether the address is free, and remembers that it was.
  await redis.set(keyOf.userByEmail(newEmail), NOTHING);
  const profile = [keyOf.user(user.id), keyOf.userByEmail(user.email), keyOf.userByEmail(newEmail)];
  show(
    'profile edit: new e-mail address',
    await change(stage, tally, profile, () => changeEmail(pool, user.id, newEmail)),
  );

  const price = [keyOf.product(5_001)];
  show('price of a product', await change(stage, tally, price, () => changePrice(pool, 5_001)));

  const order = [keyOf.userOrders(12), keyOf.product(5_011), keyOf.product(5_012)];
  const placed = await change(stage, tally, order, () => placeOrder(pool, 12, [5_011, 5_012]));
  show('order placed: 2 items, stock taken', placed);

  const before = watch.removed.length;
  await failToPlaceOrder(pool, 13, [5_021, 5_022]);
  const cancelled = [keyOf.order(40), keyOf.orderItems(40), keyOf.userOrders(41)];
  const outcome = await change(stage, tally, cancelled, () => cancelOrder(pool, 40));
  // The binlog is in order: when a later change is through, an earlier one would have been, too.
  const leaked = watch.removed.slice(before).filter((key) => !cancelled.includes(key));
  if (leaked.length > 0)
    tally.problems.push(`a transaction that was rolled back removed ${leaked.join(' ')}`);
  row('such an order, but rolled back', leaked.length === 0 ? 'none' : leaked.join(' '));
  show('order cancelled: rows deleted', outcome);

  const repriced = Array.from({ length: repricedProducts }, (_, index) => keyOf.product(index + 1));
  const sale = await change(stage, tally, repriced, () => raisePrices(pool, repricedProducts));
  const what = `${count(repricedProducts)} prices, one transaction`;
  row(what, `${count(sale.removed.length)} keys`, duration(sale.latency));
}

/** A committed change: what Redis deleted meanwhile, and how long the last of it took, ms. */
interface Outcome {
  readonly removed: readonly string[];
  readonly latency: number;
}

function show(what: string, { removed, latency }: Outcome): void {
  const [first = 'none', ...rest] = removed;
  row(what, first, duration(latency));
  for (const key of rest) row('', key);
}

/** Makes a change, and waits until its keys are gone. */
async function change(
  { redis, watch, daemon }: Stage,
  tally: Tally,
  stale: readonly string[],
  write: () => Promise<number>,
): Promise<Outcome> {
  const cached = await countCached(redis, stale);
  if (cached < stale.length) throw new Error(`only ${cached} keys are cached of ${stale.join(' ')}`);
  const before = watch.removed.length;
  const sentAt = await write();
  await Promise.race([watch.gone(stale, removalTimeoutMs), daemon.lost]);
  const removed = watch.removed.slice(before);
  const latency = lastRemoval(watch, stale) - sentAt;
  tally.changes += 1;
  if (!Number.isNaN(latency)) tally.latencies.push(latency);
  await noteMissed(redis, tally, stale);
  return { removed, latency };
}

/** When the last of the keys was removed; NaN if one was not. */
function lastRemoval(watch: DeletionWatch, keys: readonly string[]): number {
  return Math.max(...keys.map((key) => watch.removedAt(key) ?? Number.NaN));
}

/** Asks Redis itself, because announcements of deletions can get lost; returns how many keys remained. */
async function noteMissed(redis: Redis, tally: Tally, stale: readonly string[]): Promise<number> {
  const remaining = await countCached(redis, stale);
  if (remaining === 0) return 0;
  for (const key of stale) if ((await redis.exists(key)) === 1) tally.missed.add(key);
  return remaining;
}

export async function killAndRestart(stage: Stage, tally: Tally): Promise<void> {
  const { pool, redis, watch } = stage;
  section('Customers earn points, 500 writes a second, and the daemon is killed amid them');
  const keysOf = await userKeys(pool);
  const staleAfter = (writes: readonly Write[]): string[] => writes.flatMap(({ userId }) => keysOf(userId));
  const latencies = (writes: readonly Write[]): number[] =>
    writes
      .map(({ userId, sentAt }) => lastRemoval(watch, keysOf(userId)) - sentAt)
      .filter((ms) => !Number.isNaN(ms));

  const traffic = startTraffic(pool, {
    firstUser: 100,
    lastUser: 20_000,
    connections: APPLICATION_CONNECTIONS,
    writesPerSecond: 500,
  });
  const { writes } = traffic;
  await Promise.race([traffic.more(writesPerPhase), stage.daemon.lost]);
  await stage.daemon.kill();
  const killedAfter = writes.length;
  await watch.caughtUp();
  const removedAtKill = watch.removed.length;
  const whileAlive = latencies(writes);
  row(`${count(killedAfter)} writes, then kill -9`, `keys of ${count(whileAlive.length)} writes are gone`);

  await traffic.more(writesPerPhase);
  const unseen = writes.slice();
  const staleKeys = await countCached(redis, staleAfter(unseen));
  if (watch.removed.length > removedAtKill)
    tally.problems.push('keys were removed while the daemon was dead');
  row(
    `${count(unseen.length - killedAfter)} writes while it is dead`,
    `${count(staleKeys)} stale keys in Redis`,
    '',
    'bad',
  );

  const position = await storedPosition(pool);
  const launchedAt = performance.now();
  stage.daemon = await stage.launch();
  const readyAt = performance.now();
  row('started again, amid further writes', `resumes at ${position}`, duration(readyAt - launchedAt));
  const backlog = writes.slice();
  const complete = await Promise.race([watch.gone(staleAfter(backlog), removalTimeoutMs), stage.daemon.lost]);
  const caughtUpAt = performance.now();
  row(
    `${count(backlog.length)} writes until here`,
    complete ? 'caught up with all of them' : 'NOT caught up with them',
    duration(Math.max(0, caughtUpAt - readyAt)),
  );

  await Promise.race([traffic.more(writesPerPhase), stage.daemon.lost]);
  await traffic.stop();
  const stale = staleAfter(writes);
  await Promise.race([watch.gone(stale, removalTimeoutMs), stage.daemon.lost]);
  const gone = stale.length - (await noteMissed(redis, tally, stale));
  row(
    `${count(writes.length)} writes in all`,
    `${count(gone)} of ${count(stale.length)} keys are gone`,
    '',
    gone === stale.length ? 'good' : 'bad',
  );
  tally.latencies.push(...whileAlive, ...latencies(writes.filter(({ sentAt }) => sentAt >= caughtUpAt)));
  tally.changes += writes.length;
}

/** The keys that a change of a user makes stale, by the user's id. */
async function userKeys(pool: Pool): Promise<(userId: number) => string[]> {
  const byEmail = new Map<number, string>();
  for (const [key, value] of await readEntries(pool)) {
    if (key.startsWith(keyOf.userByEmail(''))) byEmail.set(Number(value), key);
  }
  return (userId) => [keyOf.user(userId), byEmail.get(userId) ?? ''];
}

/** The strictest question: does any entry of the cache tell something else than MySQL? */
export async function compareAll({ pool, redis }: Stage, tally: Tally): Promise<void> {
  section('Everything that is still cached, compared with MySQL');
  const current = await readEntries(pool);
  const cached = await cachedEntries(redis);
  const wrong = [...cached.keys()].filter((key) => cached.get(key) !== (current.get(key) ?? NOTHING));
  for (const key of wrong) tally.missed.add(key);
  const tone = wrong.length === 0 ? 'good' : 'bad';
  row(`${count(cached.size)} entries`, `${count(wrong.length)} differ`, '', tone);
}

/** Prices change and customers look, for as long as somebody watches. Ends only with the daemon, by its error. */
export async function goOn({ pool, redis, daemon, console }: Stage): Promise<never> {
  section('It goes on until Ctrl-C: five changes of prices a second');
  row('to be watched at', console);
  for (let product = 1; ; product = (product % repricedProducts) + 1) {
    await redis.set(keyOf.product(product), 'what a customer has just looked at');
    await changePrice(pool, product);
    await Promise.race([delay(pauseMs), daemon.lost]);
  }
}

export async function shutDown({ daemon }: Stage, tally: Tally): Promise<void> {
  section('The daemon is asked to stop');
  const before = performance.now();
  const code = await daemon.stop();
  const tone = code === 0 ? 'good' : 'bad';
  row(
    'SIGTERM: drains and stores its position',
    `exit code ${code}`,
    duration(performance.now() - before),
    tone,
  );
  if (code !== 0) tally.problems.push(`the daemon ended with exit code ${code} after SIGTERM`);
}
