import type { Cache } from './scripts.ts';
import type { Emit, Setting } from './steps.ts';
import { cachedState, companionOf, hasLiveLease, holdAt, LEASE, NAMES, NOW, READ } from './world.ts';
import type { World } from './world.ts';

/** What the daemon, and another one that may be far behind, can do next. */
export function daemonSteps(setting: Setting, world: World, emit: Emit): void {
  const { configuration } = setting;
  const { cursor, highest, oldCursor } = world;

  const event = cursor + 1;
  if (mayApply(setting, world, event)) {
    const applied = (cache: Cache): World => ({
      ...world,
      cache,
      cursor: event,
      highest: Math.max(highest, event),
      refused: false,
      redelete: configuration.redelete === true ? event : 0,
    });
    const isReplay = event <= highest && configuration.replaysInvalidate !== false;
    if (world.refused) {
      emit(`the daemon invalidates ${event}, which was refused`, applied(invalidated(setting, world, event)));
    } else if (isUpdate(setting, event) && !isReplay) {
      const { cache, reply } = updated(setting, world.cache, event);
      const flaw =
        configuration.property === 'what is known stays' &&
        reply === 'dropped' &&
        isKnown(setting, world.cache);
      const again = reply === 'refused' && configuration.refusedInvalidates !== false;
      emit(
        `the daemon updates ${event}: ${reply}`,
        again ? { ...world, refused: true } : { ...applied(cache), flaw },
      );
    } else {
      emit(`the daemon invalidates ${event}`, applied(invalidated(setting, world, event)));
    }
  }

  if (configuration.oldDaemon === true && mayApply(setting, world, oldCursor + 1)) {
    const event = oldCursor + 1;
    const cache = isUpdate(setting, event)
      ? updated(setting, world.cache, event).cache
      : invalidated(setting, world, event);
    emit(`the other daemon applies ${event}`, { ...world, cache, oldCursor: event });
  }

  if (
    world.redelete > 0 &&
    !world.readers.some(({ at, plain, read }) => plain && at === READ && read < world.redelete)
  )
    emit(`the daemon deletes ${world.redelete} again`, {
      ...world,
      cache: invalidated(setting, world, world.redelete),
      redelete: 0,
    });

  gapSteps(setting, world, emit);
}

function gapSteps({ configuration }: Setting, world: World, emit: Emit): void {
  const { gap } = configuration;
  if (gap === undefined) return;
  const { logged, visible, cursor, cache } = world;
  if (world.gap === 0 && cursor < logged)
    emit(`events up to ${logged} are purged`, { ...world, cursor: logged, highest: logged, gap: 1 });
  if (world.gap !== 1 || visible < cursor || (gap === 'K after the leases' && hasLiveLease(cache))) return;
  const companion = gap === 'K and M' ? undefined : cache.companion;
  emit(`the daemon flushes ${gap}`, { ...world, cache: { key: undefined, companion }, gap: 2 });
}

function mayApply({ configuration }: Setting, world: World, event: number): boolean {
  return event <= (configuration.barrier === false ? world.logged : world.visible);
}

/** Whether the floor is the version of what K holds. */
function isKnown({ tokens }: Setting, cache: Cache): boolean {
  return tokens.row[cachedState(cache) ?? -1] === companionOf(cache)?.f;
}

function isUpdate({ configuration }: Setting, event: number): boolean {
  return configuration.command === 'update' && configuration.history[event] === 'row';
}

function updated(setting: Setting, cache: Cache, event: number): ReturnType<Setting['scripts']['update']> {
  return setting.scripts.update(cache, {
    version: setting.tokens.change[event]!,
    form: 'string',
    value: NAMES[event]!,
    ttlMs: LEASE,
    create: setting.configuration.create === true,
    tombstoneMs: LEASE,
  });
}

function invalidated({ configuration, scripts, tokens }: Setting, world: World, event: number): Cache {
  const { cache, visible } = world;
  if (configuration.command === 'UNLINK K') return { key: undefined, companion: cache.companion };
  if (configuration.command === 'UNLINK K M') return { key: undefined, companion: undefined };
  return scripts.invalidate(cache, NOW, {
    version: configuration.versions === true ? tokens.change[event]! : '',
    tombstoneMs: LEASE,
    holdMs: configuration.hold === true ? holdAt(visible) : 0,
    gtid: configuration.withoutGtid?.includes(event) === true ? '' : NAMES[event]!,
  }).cache;
}
