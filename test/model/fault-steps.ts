import type { Cache } from './scripts.ts';
import type { Emit, Setting } from './steps.ts';
import { companionOf, hasLiveLease, holdSetAt } from './world.ts';
import type { World } from './world.ts';

/** What time and accidents can do next. */
export function faultSteps(setting: Setting, world: World, emit: Emit): void {
  timeSteps(world, emit);
  evictionSteps(setting, world, emit);
  restartSteps(setting, world, emit);
  failoverSteps(setting, world, emit);
}

/** A hold is longer than the replica lags: it ends once the replica has all that was visible when it was set. */
function timeSteps(world: World, emit: Emit): void {
  const companion = companionOf(world.cache);
  if (companion === undefined) return;
  const { cache } = world;
  if (hasLiveLease(cache))
    emit('the lease expires', { ...world, cache: { ...cache, companion: { ...companion, x: 0 } } });
  if (world.replica >= (holdSetAt(cache) ?? Infinity))
    emit('the hold ends', { ...world, cache: { ...cache, companion: { ...companion, p: undefined } } });
}

function evictionSteps({ configuration }: Setting, world: World, emit: Emit): void {
  if (world.evicted >= (configuration.evictions ?? 0)) return;
  const { cache } = world;
  const without = (rest: Cache): World => ({ ...world, cache: rest, evicted: world.evicted + 1 });
  const { evicts } = configuration;
  const hasKey = cache.key !== undefined && evicts !== 'M';
  const hasCompanion = cache.companion !== undefined && evicts !== 'K';
  if (hasKey) emit('K is evicted', without({ ...cache, key: undefined }));
  if (hasCompanion) emit('M is evicted', without({ ...cache, companion: undefined }));
  if (hasKey && hasCompanion) emit('K and M are evicted', without({ key: undefined, companion: undefined }));
}

function restartSteps({ configuration }: Setting, world: World, emit: Emit): void {
  for (let cursor = 0; cursor < world.cursor; cursor += 1) {
    if (world.rewound < (configuration.rewinds ?? 0))
      emit(`the daemon goes back to ${cursor}`, {
        ...world,
        cursor,
        refused: false,
        rewound: world.rewound + 1,
      });
    if (world.crashed < (configuration.crashes ?? 0))
      emit(`the daemon starts again at ${cursor}`, {
        ...world,
        cursor,
        highest: cursor,
        refused: false,
        crashed: world.crashed + 1,
      });
  }
}

function failoverSteps({ configuration }: Setting, world: World, emit: Emit): void {
  if (world.failedOver < (configuration.failovers ?? 0)) {
    if (world.copy !== world.cache) emit("Redis' replica gets all writes", { ...world, copy: world.cache });
    emit('Redis fails over', {
      ...world,
      cache: world.copy,
      failedOver: world.failedOver + 1,
      needsReplay: configuration.replay === true,
    });
  }
  // Once there is no failover left, what the replica has decides nothing.
  if (world.needsReplay)
    emit('the daemon sees the failover and goes back', {
      ...world,
      cursor: 0,
      refused: false,
      needsReplay: false,
    });
}
