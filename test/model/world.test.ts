import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Configuration } from './configuration.ts';
import { eachStep, settingOf } from './steps.ts';
import { firstWorld, worldCodec } from './world.ts';
import type { World } from './world.ts';

const everything: Configuration = {
  history: ['gone', 'row', 'row', 'gone', 'row'],
  otherKind: [2],
  readers: 3,
  plainReaders: 1,
  refresh: true,
  lostReplies: true,
  versions: true,
  replicaReads: true,
  caughtUpReads: true,
  command: 'update',
  create: true,
  hold: true,
  withoutGtid: [1],
  redelete: true,
  evictions: 2,
  rewinds: 1,
  crashes: 1,
  oldDaemon: true,
  failovers: 2,
  replay: true,
  gap: 'K and M',
};

describe('the key of a world', () => {
  it('keeps all that decides what can happen next, and does not depend on the names of readers', () => {
    const setting = settingOf(everything);
    const codec = worldCodec(setting.tokens);
    const nextOf = (world: World): World[] => {
      const next: World[] = [];
      eachStep(setting, world, (_step, after) => next.push(after));
      return next;
    };
    /** Steps that lead nowhere do not count. */
    const keysAfter = (world: World): string[] => {
      const keys = new Set(nextOf(world).map((next) => codec.encode(next)));
      keys.delete(codec.encode(world));
      return [...keys].toSorted();
    };

    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 60 }), (choices) => {
        let world = firstWorld(everything);
        for (const choice of choices) {
          const next = nextOf(world);
          if (next.length === 0) return;
          world = next[choice % next.length]!;
          const key = codec.encode(world);
          const renamed = codec.decode(key);
          expect(codec.encode(renamed)).toBe(key);
          expect(keysAfter(renamed)).toEqual(keysAfter(world));
        }
      }),
      { numRuns: 300 },
    );
  });
});
