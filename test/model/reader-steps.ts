import type { Emit, Setting } from './steps.ts';
import {
  cachedState,
  DONE,
  hasLiveLease,
  holdSetAt,
  IDLE,
  LEASE,
  LEASED,
  NAMES,
  NOW,
  READ,
  SOURCES,
} from './world.ts';
import type { Reader, World } from './world.ts';

/**
 * What readers can do next. A hit and a wait change nothing, and a reader may stop anywhere: that it takes no more
 * steps is one of the schedules.
 */
export function readerSteps(setting: Setting, world: World, emit: Emit): void {
  for (const [index, reader] of world.readers.entries()) {
    if (reader.plain) plainSteps(world, index, reader, emit);
    else leaseSteps(setting, world, index, reader, emit);
  }
}

function plainSteps(world: World, index: number, reader: Reader, emit: Emit): void {
  if (reader.at === IDLE && world.cache.key === undefined) {
    const next = withReader(world, index, { ...reader, at: READ, read: world.visible });
    emit(`plain reader ${index} misses and reads ${world.visible}`, next);
  } else if (reader.at === READ) {
    const next = withReader(world, index, { ...reader, at: DONE, read: 0 });
    const key = { type: 'string', value: NAMES[reader.read]!, ttl: LEASE } as const;
    emit(`plain reader ${index} sets ${reader.read}`, {
      ...next,
      cache: { ...world.cache, key },
      asked: true,
    });
  }
}

function leaseSteps(setting: Setting, world: World, index: number, reader: Reader, emit: Emit): void {
  if (reader.at === IDLE) askForLease(setting, world, index, reader, emit);
  else if (reader.at === LEASED) readDatabase(setting, world, index, reader, emit);
  else if (reader.at === READ) fill(setting, world, index, reader, emit);
}

function askForLease(setting: Setting, world: World, index: number, reader: Reader, emit: Emit): void {
  const { configuration, scripts } = setting;
  const asks = { token: NAMES[index]!, leaseMs: LEASE };
  for (const refresh of configuration.refresh === true ? [false, true] : [false]) {
    const { cache, reply } = scripts.getOrLease(world.cache, NOW, { ...asks, refresh });
    if (reply.kind !== 'lease') continue;
    const again = holds(world.cache, index) && hasLiveLease(world.cache);
    const taken = configuration.property === 'one reader a lease' && hasLiveLease(world.cache) && !again;
    const needless =
      configuration.property === 'one reader a lease' && !refresh && world.cache.key !== undefined;
    const told = {
      held: configuration.replicaReads === true && configuration.heedless !== true && reply.holdMs > 0,
      gtid: configuration.caughtUpReads === true && reply.gtid !== '' ? Number(reply.gtid) + 1 : 0,
    };
    const next = withReader(world, index, { ...reader, at: LEASED, ...told });
    const flaw = taken || needless;
    const what = again ? 'its lease again' : 'a lease';
    emit(`reader ${index} gets ${what}${told.held ? ' and is told of a hold' : ''}`, {
      ...next,
      cache,
      flaw,
    });
    if (configuration.lostReplies === true)
      emit(`reader ${index} gets ${what}, and never hears of it`, { ...world, cache, flaw });
  }
}

function readDatabase(
  { configuration }: Setting,
  world: World,
  index: number,
  reader: Reader,
  emit: Emit,
): void {
  const read = (state: number, source: (typeof SOURCES)[number]): void =>
    emit(
      `reader ${index} reads ${state}, ${source}`,
      withReader(world, index, {
        ...reader,
        at: READ,
        held: false,
        gtid: 0,
        read: state,
        source: SOURCES.indexOf(source),
      }),
    );
  read(world.visible, 'primary');
  if (configuration.replicaReads === true && !reader.held) read(world.replica, 'replica');
  if (configuration.caughtUpReads === true && reader.gtid > 0 && world.replica >= reader.gtid - 1)
    read(world.replica, 'caught-up');
}

function fill(setting: Setting, world: World, index: number, reader: Reader, emit: Emit): void {
  const { configuration, scripts, tokens } = setting;
  const { cache, reply } = scripts.fill(world.cache, NOW, {
    token: NAMES[index]!,
    value: NAMES[reader.read]!,
    ttlMs: LEASE,
    version: configuration.versions === true ? tokens.row[reader.read]! : '',
    source: SOURCES[reader.source]!,
    tombstoneMs: LEASE,
  });
  const held =
    reply === 'stored' && SOURCES[reader.source] === 'replica' && holdSetAt(world.cache) !== undefined;
  const early = configuration.property === 'a replica waits for the hold' && held;
  const idle = configuration.property === 'no idle lease' && holds(cache, index) && hasLiveLease(cache);
  const next = withReader(world, index, { ...reader, at: DONE, read: 0, source: 0 });
  emit(`reader ${index} fills ${reader.read}: ${reply}`, {
    ...next,
    cache,
    asked:
      world.asked ||
      (cachedState(cache) !== undefined && configuration.property === 'only what was asked for'),
    flaw: idle || early,
  });
}

function holds(cache: World['cache'], index: number): boolean {
  return (
    cache.companion !== undefined && cache.companion !== 'other type' && cache.companion.l === NAMES[index]
  );
}

function withReader(world: World, index: number, reader: Reader): World {
  return { ...world, readers: world.readers.with(index, reader) };
}
