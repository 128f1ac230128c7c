import type { Configuration } from './configuration.ts';
import { eachStep, settingOf } from './steps.ts';
import type { Setting } from './steps.ts';
import { cachedState, firstWorld, worldCodec } from './world.ts';
import type { World } from './world.ts';

export interface Exploration {
  readonly states: number;
  /** The shortest schedule that breaks the property; undefined if none does. */
  readonly counterexample: readonly string[] | undefined;
}

/** Visits every world that any schedule leads to, the nearest first, up to the first that breaks the property. */
export function explore(configuration: Configuration): Exploration {
  return search(configuration, (setting, world) => breaks(setting, world));
}

/** The shortest schedule that ends with a step whose name holds `text`; undefined if there is none. */
export function scheduleTo(configuration: Configuration, text: string): readonly string[] | undefined {
  return search(configuration, (_setting, _world, step) => step.includes(text)).counterexample;
}

function search(
  configuration: Configuration,
  isFound: (setting: Setting, world: World, step: string) => boolean,
): Exploration {
  const setting = settingOf(configuration);
  const codec = worldCodec(setting.tokens);
  const mono = configuration.property === 'never goes back';
  const keys: string[] = [];
  const parents: number[] = [];
  const known = new Set<string>();
  let visiting = -1;
  let bad = -1;

  const visit = (step: string, next: World): void => {
    if (bad >= 0) return;
    const world = mono ? withNewest(next) : next;
    const key = codec.encode(settled(setting, world));
    const found = isFound(setting, world, step);
    if (known.has(key) && !found) return;
    known.add(key);
    keys.push(key);
    parents.push(visiting);
    if (found) bad = keys.length - 1;
  };

  visit('', firstWorld(configuration));
  for (const key of keys) {
    visiting += 1;
    eachStep(setting, codec.decode(key), visit);
    if (bad >= 0) break;
  }
  const states = keys.length;
  if (bad < 0) return { states, counterexample: undefined };

  const path: string[] = [];
  for (let index = bad; index >= 0; index = parents[index]!) path.unshift(keys[index]!);
  return { states, counterexample: schedule(path.slice(1)) };

  /** Worlds that differ in readers' names are one key: the names in a schedule come from taking its steps again. */
  function schedule(rest: readonly string[]): string[] {
    let world = firstWorld(configuration);
    return rest.map((key) => {
      let taken: { readonly step: string; readonly next: World } | undefined;
      eachStep(setting, world, (step, next) => {
        const named = mono ? withNewest(next) : next;
        if (codec.encode(settled(setting, named)) === key) taken ??= { step, next: named };
      });
      world = taken!.next;
      return taken!.step;
    });
  }
}

/** What can have no effect any more is forgotten, so that worlds that differ only in it are one. */
function settled({ configuration }: Setting, world: World): World {
  const { failovers = 0, replicaReads, hold, caughtUpReads } = configuration;
  let next = world;
  if (world.failedOver >= failovers && world.copy.companion !== undefined)
    next = { ...next, copy: { ...next.copy, companion: undefined } };
  if (world.failedOver >= failovers && world.copy.key !== undefined)
    next = { ...next, copy: { ...next.copy, key: undefined } };
  // Nobody reads the replica.
  if (replicaReads !== true && hold !== true && caughtUpReads !== true) next = { ...next, replica: 0 };
  return next;
}

function withNewest(world: World): World {
  const newest = Math.max(world.newest, (cachedState(world.cache) ?? -1) + 1);
  return newest === world.newest ? world : { ...world, newest };
}

function breaks({ configuration }: Setting, world: World): boolean {
  const state = cachedState(world.cache);
  switch (configuration.property ?? 'converges') {
    case 'converges':
      return isQuiet(world) && state !== undefined && !isTruth(configuration, state, world.visible);
    case 'never goes back':
      return state !== undefined && state + 1 < world.newest;
    case 'only what was asked for':
      return state !== undefined && !world.asked;
    case 'one reader a lease':
    case 'no idle lease':
    case 'a replica waits for the hold':
    case 'what is known stays':
      return world.flaw;
  }
}

/** No event is left that could remove a stale value; further commits and readers may never come. */
function isQuiet({ logged, visible, cursor, refused, redelete, needsReplay, gap }: World): boolean {
  return logged === visible && cursor === visible && !refused && redelete === 0 && !needsReplay && gap !== 1;
}

function isTruth({ history }: Configuration, state: number, visible: number): boolean {
  return state === visible || (history[state] === 'gone' && history[visible] === 'gone');
}
