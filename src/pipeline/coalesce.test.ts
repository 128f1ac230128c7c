import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Guard } from '../change/command.ts';
import { binlogVersion, rowVersion } from '../change/version.ts';
import type { VersionToken } from '../change/version.ts';
import { coalesce, coalesceAll } from './coalesce.ts';
import type { KeyCommand } from './coalesce.ts';

const version = (number: number): VersionToken => rowVersion(number)!;
const deletion = (guard?: Guard): KeyCommand => ({
  kind: 'delete',
  key: 'k',
  rule: 'rules[0]',
  ...(guard === undefined ? {} : { guard }),
});
const update = (token: VersionToken): KeyCommand => ({
  kind: 'update',
  key: 'k',
  rule: 'rules[1]',
  version: token,
  value: token,
  policy: { form: 'string', ttlMs: 1000, ttlJitter: 0, create: false },
});
const marker = (holdMs: number, token?: VersionToken): Guard => ({
  kind: 'marker',
  holdMs,
  ...(token === undefined ? {} : { version: token }),
});

const anyVersion = fc.integer({ min: 1, max: 5 }).map(version);
const anyCommand: fc.Arbitrary<KeyCommand> = fc.oneof(
  fc.constant(deletion()),
  fc.constant(deletion({ kind: 'lease' })),
  fc
    .tuple(fc.constantFrom(0, 10, 20), fc.option(anyVersion, { nil: undefined }))
    .map(([hold, token]) => deletion(marker(hold, token))),
  anyVersion.map(update),
);
const versionOf = (command: KeyCommand): string | undefined =>
  command.kind === 'update'
    ? command.version
    : command.guard?.kind === 'marker'
      ? command.guard.version
      : undefined;
const rank = (command: KeyCommand): number =>
  command.kind === 'update' || command.guard?.kind === 'marker' ? 2 : command.guard === undefined ? 0 : 1;

describe('commands on one key in one batch', () => {
  it('become one that keeps the highest version, the longest hold and the strongest guard', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { minLength: 1, maxLength: 6 }), (commands) => {
        const [first, ...others] = commands;
        const one = others.reduce(coalesce, first!);
        const versions = commands.map(versionOf).filter((token) => token !== undefined);
        expect(versionOf(one)).toBe(versions.toSorted().at(-1));
        expect(rank(one)).toBe(Math.max(...commands.map(rank)));
        if (one.kind === 'delete' && one.guard?.kind === 'marker' && commands.at(-1)?.kind === 'delete') {
          const holds = commands.map((c) =>
            c.kind === 'delete' && c.guard?.kind === 'marker' ? c.guard.holdMs : 0,
          );
          expect(one.guard.holdMs).toBeLessThanOrEqual(Math.max(...holds));
        }
      }),
    );
  });

  it('store a value only if it came last, at the highest version', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { minLength: 1, maxLength: 6 }), (commands) => {
        const one = coalesceAll(commands)[0]!;
        const last = commands.at(-1)!;
        const highest = commands
          .map(versionOf)
          .filter((token) => token !== undefined)
          .toSorted()
          .at(-1);
        const stores = last.kind === 'update' && last.version === highest;
        expect(one.kind).toBe(stores ? 'update' : 'delete');
      }),
    );
  });

  it('take the later one where versions are of two kinds', () => {
    const place = binlogVersion({ epoch: 0, file: 'b.000001', offset: 4, ordinal: 0 })!;
    expect(coalesce(update(version(9)), update(place))).toEqual(update(place));
  });

  it('leave commands of other kinds as they are, each once', () => {
    const generation = { kind: 'generation', key: 'k', rule: 'rules[2]' } as const;
    expect(coalesceAll([generation, deletion(), generation, deletion({ kind: 'lease' })])).toEqual([
      deletion({ kind: 'lease' }),
      generation,
    ]);
  });
});
