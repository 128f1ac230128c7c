import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { binlogVersion, rowVersion } from '../../src/change/version.ts';
import { appliedKey, formatApplied, parseApplied } from '../../src/protocol/applied.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { fill, getOrLease, SCRIPTS } from '../../src/protocol/scripts.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import { compressed, stringCodec } from '../../src/reader/codec.ts';
import { ABSENT } from '../../src/reader/entry.ts';
import { containsGtids, parseGtidSet } from '../../src/reader/gtid-set.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, ROOT), 'utf8');

const rank = z.enum(['row', 'deleted']);
const vectors = z
  .strictObject({
    companionKeys: z.array(z.strictObject({ key: z.string(), slot: z.number(), companion: z.string() })),
    rowVersions: z.array(
      z.strictObject({
        value: z.union([z.string(), z.number(), z.null()]),
        rank,
        token: z.string().nullable(),
      }),
    ),
    binlogVersions: z.array(
      z.strictObject({
        epoch: z.number(),
        file: z.string(),
        offset: z.number(),
        ordinal: z.number(),
        rank,
        token: z.string().nullable(),
      }),
    ),
    scripts: z.array(z.strictObject({ file: z.string(), sha1: z.string() })),
    markers: z.strictObject({ absent: z.string(), zstd: z.string(), plain: z.string() }),
    applied: z.strictObject({
      clientId: z.string(),
      key: z.string(),
      text: z.string(),
      position: z.strictObject({
        serverUuid: z.string(),
        file: z.string(),
        offset: z.number(),
        gtidSet: z.string(),
        at: z.number(),
      }),
    }),
    gtidSets: z.array(z.strictObject({ set: z.string(), wanted: z.string(), contains: z.boolean() })),
  })
  .parse(JSON.parse(await read('docs/protocol-vectors.json')));
const document = await read('docs/protocol.md');

describe('docs/protocol-vectors.json', () => {
  it.each(vectors.companionKeys)('companion of %j', ({ key, slot, companion }) => {
    expect(companionKey(key)).toBe(companion);
    expect([keySlot(key), keySlot(companion)]).toEqual([slot, slot]);
  });

  it.each(vectors.rowVersions)('version of a row: %j', ({ value, rank, token }) => {
    expect(rowVersion(value, rank) ?? null).toBe(token);
  });

  it.each(vectors.binlogVersions)('version of the binlog: %j', ({ rank, token, ...order }) => {
    expect(binlogVersion(order, rank) ?? null).toBe(token);
  });

  it('has the hash of every script, and no other', () => {
    expect(vectors.scripts).toEqual(SCRIPTS.map(({ name, sha1 }) => ({ file: `${name}.lua`, sha1 })));
  });

  it('has the markers that stand before values', () => {
    const bytes = (text: string): Buffer => Buffer.from(text);
    expect(vectors.markers.absent).toBe(ABSENT);
    const packed = bytes(compressed(stringCodec).encode('a'.repeat(5_000)).toString('latin1'));
    expect(packed.toString('latin1').startsWith(vectors.markers.zstd)).toBe(true);
    expect(compressed(stringCodec).encode('\0a')).toEqual(bytes(`${vectors.markers.plain}\0a`));
  });

  it("has the daemon's position, its key, and when it contains a transaction", () => {
    const { clientId, key, text, position } = vectors.applied;
    expect(appliedKey(clientId)).toBe(key);
    expect(formatApplied(position)).toBe(text);
    expect(parseApplied(text)).toEqual(position);
    for (const { set, wanted, contains } of vectors.gtidSets)
      expect(containsGtids(parseGtidSet(set), parseGtidSet(wanted))).toBe(contains);
  });
});

describe('docs/protocol.md', () => {
  it.each(SCRIPTS)('has a section about $name with every reply of it', ({ name, source }) => {
    const section = document.split(`### ${name}\n`)[1]?.split('\n##')[0] ?? '';
    expect(section).toContain('| KEYS |');
    // Replies are words in quotes: those that are returned, or put together for it.
    const words = [...source.matchAll(/(?:return \{? ?|reply = )'([a-z]+)'/g)].map((match) => match[1]);
    for (const word of words) expect(section).toMatch(new RegExp(`[\`'\\[]${word}[\`']`));
  });

  it('names the vectors that there are', () => {
    for (const name of Object.keys(vectors).filter((name) => name !== 'markers'))
      expect(document).toContain(`\`${name}\``);
  });

  it('passes arguments to the scripts in the order in which it lists them', () => {
    expect(getOrLease({ key: 'a', token: 't', leaseMs: 5, refresh: true }).args).toEqual(['t', '5', '1']);
    const request = {
      key: 'a',
      token: 't',
      value: 'v',
      ttlMs: 5,
      source: 'primary',
      tombstoneMs: 6,
    } as const;
    expect(fill({ ...request, version: rowVersion(1) }).args).toEqual([
      't',
      'v',
      '5',
      '000000000000000000010',
      'primary',
      '6',
    ]);
  });
});
