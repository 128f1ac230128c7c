import type { Redis } from 'ioredis';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { cachedText, SimulatedSource } from './simulated-source.ts';
import { SimulatedDaemon } from './simulated-daemon.ts';
import { SimulatedReader } from './simulated-reader.ts';

/** Who takes part, and which accidents happen. */
export interface SimulationMode {
  /** Readers SET what they read, and the daemon only removes K. */
  readonly plain?: boolean;
  readonly update?: 'existing' | 'create';
  readonly versions?: boolean;
  readonly replicaReads?: boolean;
  readonly hold?: boolean;
  readonly refresh?: boolean;
  readonly evictions?: boolean;
  /** Commands of events that were applied before arrive once more, in any order. */
  readonly lateCommands?: boolean;
}

export interface Simulation {
  readonly redis: Redis;
  readonly mode: SimulationMode;
  readonly source: SimulatedSource;
  readonly keys: readonly string[];
  readonly random: Random;
  readonly say: (what: string) => void;
}

export interface Random {
  /** A whole number below `limit`. */
  below(limit: number): number;
  chance(probability: number): boolean;
}

export interface SimulationResult {
  /** Keys that hold something else than their rows once all is applied. */
  readonly stale: readonly string[];
  readonly steps: readonly string[];
}

type Action = readonly [weight: number, act: () => Promise<void> | void];

const ROWS = 2;
const COMMITS = 6;
const READERS = 12;

/** Runs one schedule, which the seed decides, on an empty Redis. */
export async function simulate(redis: Redis, mode: SimulationMode, seed: number): Promise<SimulationResult> {
  const steps: string[] = [];
  const simulation: Simulation = {
    redis,
    mode,
    source: new SimulatedSource(ROWS),
    keys: Array.from({ length: ROWS }, (_, row) => `row:${row}`),
    random: randomFrom(seed),
    say: (what) => void steps.push(what),
  };
  const { source, keys, random } = simulation;
  const daemon = new SimulatedDaemon(simulation);
  const readers: SimulatedReader[] = [];
  await redis.flushall();

  const length = 40 + random.below(60);
  for (let step = 0; step < length; step += 1) {
    const actions = [...lifeOf(simulation, daemon, readers), ...endingOf(simulation, daemon, readers)];
    await pick(actions, random)();
  }
  for (;;) {
    const actions = endingOf(simulation, daemon, readers);
    if (actions.length === 0) break;
    await pick(actions, random)();
  }

  const values = await redis.mget(...keys);
  const stale = keys.filter((_, row) => {
    const value = values[row];
    return value !== null && value !== cachedText(source.primary(row));
  });
  return { stale, steps };
}

/** What begins something, and accidents. */
function lifeOf(simulation: Simulation, daemon: SimulatedDaemon, readers: SimulatedReader[]): Action[] {
  const { source, random, redis, keys, mode, say } = simulation;
  const actions: Action[] = [];
  const unlocked = source.unlocked();
  if (source.events.length < COMMITS && unlocked.length > 0)
    actions.push([
      2,
      () => {
        const row = unlocked[random.below(unlocked.length)]!;
        source.commit(row, random.chance(0.3));
        say(`commit ${source.events.length - 1} of row ${row} is logged`);
      },
    ]);
  if (readers.length < READERS)
    actions.push([
      4,
      () => void readers.push(new SimulatedReader(simulation, readers.length, random.below(ROWS))),
    ]);
  actions.push(...daemon.accidents());

  const key = keys[random.below(keys.length)]!;
  if (mode.plain !== true)
    actions.push([0.5, async () => setIfThere(simulation, key, 'x', 'its lease expires')]);
  if (mode.hold === true && source.lag() === 0)
    actions.push([1, async () => setIfThere(simulation, key, 'p', 'its hold ends')]);
  if (mode.evictions === true) {
    const evicted = [[key], [companionKey(key)], [key, companionKey(key)]][random.below(3)]!;
    actions.push([
      0.3,
      async () => {
        say(`evicted: ${evicted.join(' and ')}`);
        await redis.del(...evicted);
      },
    ]);
    actions.push([
      0.1,
      async () => {
        say('FLUSHALL');
        await redis.flushall();
      },
    ]);
  }
  return actions;
}

/** What has to come to an end before the cache has to be right. */
function endingOf(
  { source, say }: Simulation,
  daemon: SimulatedDaemon,
  readers: SimulatedReader[],
): Action[] {
  const actions: Action[] = [];
  for (const event of source.hidden())
    actions.push([
      3,
      () => {
        source.show(event);
        say(`commit ${event} is visible`);
      },
    ]);
  if (source.lag() > 0)
    actions.push([
      1,
      () => {
        source.replicate();
        say('the replica applies the next commit');
      },
    ]);
  if (daemon.hasWork()) actions.push([3, async () => daemon.step()]);
  for (const reader of readers) if (!reader.isDone()) actions.push([1, async () => reader.step()]);
  return actions;
}

/** What time does to a field of M: it is long past. */
async function setIfThere(
  { redis, say }: Simulation,
  key: string,
  field: string,
  what: string,
): Promise<void> {
  const companion = companionKey(key);
  if ((await redis.hexists(companion, field)) === 0) return;
  say(`${key}: ${what}`);
  await redis.hset(companion, field, '1');
}

function pick(actions: readonly Action[], random: Random): Action[1] {
  const total = actions.reduce((sum, [weight]) => sum + weight, 0);
  let at = (random.below(1_000_000) / 1_000_000) * total;
  for (const [weight, act] of actions) {
    at -= weight;
    if (at < 0) return act;
  }
  return actions.at(-1)![1];
}

/** mulberry32 */
function randomFrom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { below: (limit) => Math.floor(next() * limit), chance: (probability) => next() < probability };
}
