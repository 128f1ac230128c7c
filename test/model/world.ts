import type { Configuration, Tokens } from './configuration.ts';
import type { Cache, Companion } from './scripts.ts';

/** Redis' clock in the model: a lease ends or has ended, by a step of its own. */
export const NOW = 1;
export const LEASE = 1;
const EXPIRED = 0;

/** How long a hold is tells at which state it was set: it is longer than a replica takes to get there. */
export function holdAt(visible: number): number {
  return visible + 1;
}

/** Of states, and of readers' tokens. */
export const NAMES: readonly string[] = '0123456789'.split('');

export const SOURCES = ['primary', 'caught-up', 'replica'] as const;

/** What a reader is about: nothing yet, has a lease, has read, has filled. */
export const IDLE = 0;
export const LEASED = 1;
export const READ = 2;
export const DONE = 3;

export interface Reader {
  readonly plain: boolean;
  readonly at: number;
  /** It was told of a hold. */
  readonly held: boolean;
  /** The GTID that it was told, plus one; 0 for none. */
  readonly gtid: number;
  /** The state that it has read. */
  readonly read: number;
  /** Index in `SOURCES`. */
  readonly source: number;
}

/** Everything that decides what can happen next. States of the row are numbered. */
export interface World {
  /** The last state whose commit is in the binlog, and the last that others see. */
  readonly logged: number;
  readonly visible: number;
  readonly replica: number;
  /** The last event that the daemon has applied, and the last that it ever has. */
  readonly cursor: number;
  readonly highest: number;
  readonly oldCursor: number;
  /** An update of the next event was refused: its invalidation is due. */
  readonly refused: boolean;
  readonly redelete: number;
  readonly cache: Cache;
  /** What Redis' replica has. */
  readonly copy: Cache;
  readonly readers: readonly Reader[];
  readonly evicted: number;
  readonly rewound: number;
  readonly crashed: number;
  readonly failedOver: number;
  readonly needsReplay: boolean;
  /** 0: none yet; 1: to be flushed; 2: over. */
  readonly gap: number;
  /** The newest state that ever was in K plus one, where the property asks for it. */
  readonly newest: number;
  /** A reader has stored something. */
  readonly asked: boolean;
  /** The step before broke the property. */
  readonly flaw: boolean;
}

const NOTHING: Cache = { key: undefined, companion: undefined };

export function firstWorld({ readers, plainReaders = 0 }: Configuration): World {
  const idle: Reader = { plain: false, at: IDLE, held: false, gtid: 0, read: 0, source: 0 };
  return {
    logged: 0,
    visible: 0,
    replica: 0,
    cursor: 0,
    highest: 0,
    oldCursor: 0,
    refused: false,
    redelete: 0,
    cache: NOTHING,
    copy: NOTHING,
    readers: [
      ...Array.from({ length: readers }, () => idle),
      ...Array.from({ length: plainReaders }, () => ({ ...idle, plain: true })),
    ],
    evicted: 0,
    rewound: 0,
    crashed: 0,
    failedOver: 0,
    needsReplay: false,
    gap: 0,
    newest: 0,
    asked: false,
    flaw: false,
  };
}

/** The state of the row that K holds; undefined if it holds none. */
export function cachedState(cache: Cache): number | undefined {
  return cache.key === undefined ? undefined : Number(cache.key.value);
}

export function companionOf(cache: Cache): Companion | undefined {
  return cache.companion === 'other type' ? undefined : cache.companion;
}

/** The state that was visible when the hold was set; undefined while there is none. */
export function holdSetAt(cache: Cache): number | undefined {
  const p = companionOf(cache)?.p;
  return p === undefined ? undefined : p - NOW - 1;
}

export function hasLiveLease(cache: Cache): boolean {
  const companion = companionOf(cache);
  return companion?.l !== undefined && companion.x! > NOW;
}

/** Its key is the same for worlds that differ only in the names of readers. */
export interface Codec {
  encode(world: World): string;
  decode(key: string): World;
}

const FIXED = 19;

export function worldCodec(tokens: Tokens): Codec {
  const floorNumber = new Map(tokens.floors.map((floor, index) => [floor, index]));

  const fieldsOf = (cache: Cache): number => {
    const companion = companionOf(cache);
    if (companion === undefined) return 0;
    const { x, f, p, g, u } = companion;
    const bits =
      (u === undefined ? 0 : 8192) |
      (floorNumber.get(f)! << 9) |
      ((g === undefined ? 0 : Number(g) + 1) << 6);
    return bits | (((p ?? NOW) - NOW) << 2) | ((x ?? 0) > NOW ? 2 : 0) | 1;
  };
  const cacheFrom = (value: number, bits: number, holder: string | undefined): Cache => ({
    key: value === 0 ? undefined : { type: 'string', value: NAMES[value - 1]!, ttl: LEASE },
    companion:
      bits === 0
        ? undefined
        : {
            l: holder,
            x: holder === undefined ? undefined : (bits & 2) === 0 ? EXPIRED : NOW + LEASE,
            f: tokens.floors[(bits >> 9) & 15],
            p: ((bits >> 2) & 15) === 0 ? undefined : NOW + ((bits >> 2) & 15),
            g: ((bits >> 6) & 7) === 0 ? undefined : NAMES[((bits >> 6) & 7) - 1],
            u: (bits & 8192) === 0 ? undefined : '1',
            ttl: LEASE,
          },
  });

  return {
    encode(world) {
      const holder = companionOf(world.cache)?.l;
      const copyHolder = companionOf(world.copy)?.l;
      const readers = world.readers.map(
        (reader, index) =>
          (reader.plain ? 4096 : 0) |
          (reader.at << 10) |
          (reader.held ? 512 : 0) |
          (reader.gtid << 6) |
          (reader.read << 3) |
          (reader.source === 0 ? 0 : reader.source === 1 ? 8192 : 16_384) |
          (holder === NAMES[index] ? 2 : 0) |
          (copyHolder === NAMES[index] ? 1 : 0),
      );
      readers.sort((one, other) => one - other);
      return String.fromCharCode(
        world.logged,
        world.visible,
        world.replica,
        world.cursor,
        world.highest,
        world.oldCursor,
        world.refused ? 1 : 0,
        world.redelete,
        (cachedState(world.cache) ?? -1) + 1,
        fieldsOf(world.cache),
        (cachedState(world.copy) ?? -1) + 1,
        fieldsOf(world.copy),
        world.evicted,
        world.rewound,
        world.crashed,
        (world.failedOver << 1) | (world.needsReplay ? 1 : 0),
        world.gap,
        world.newest,
        (world.asked ? 2 : 0) | (world.flaw ? 1 : 0),
        ...readers,
      );
    },

    decode(key) {
      const at = (index: number): number => key.charCodeAt(index);
      let holder: string | undefined;
      let copyHolder: string | undefined;
      const readers: Reader[] = [];
      for (let index = FIXED; index < key.length; index += 1) {
        const bits = at(index);
        const name = NAMES[index - FIXED];
        if ((bits & 2) !== 0) holder = name;
        if ((bits & 1) !== 0) copyHolder = name;
        readers.push({
          plain: (bits & 4096) !== 0,
          at: (bits >> 10) & 3,
          held: (bits & 512) !== 0,
          gtid: (bits >> 6) & 7,
          read: (bits >> 3) & 7,
          source: bits >> 13,
        });
      }
      return {
        logged: at(0),
        visible: at(1),
        replica: at(2),
        cursor: at(3),
        highest: at(4),
        oldCursor: at(5),
        refused: at(6) === 1,
        redelete: at(7),
        cache: cacheFrom(at(8), at(9), holder),
        copy: cacheFrom(at(10), at(11), copyHolder),
        readers,
        evicted: at(12),
        rewound: at(13),
        crashed: at(14),
        failedOver: at(15) >> 1,
        needsReplay: (at(15) & 1) === 1,
        gap: at(16),
        newest: at(17),
        asked: (at(18) & 2) !== 0,
        flaw: (at(18) & 1) !== 0,
      };
    },
  };
}
