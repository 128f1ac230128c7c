import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesCodec, compressed, jsonCodec, stringCodec } from './codec.ts';
import type { Codec } from './codec.ts';
import { ABSENT, decodeEntry, encodeEntry, UNDECODABLE } from './entry.ts';

/** As Redis gives it back. */
function roundTrip<V>(codec: Codec<V>, value: V): unknown {
  const encoded = encodeEntry(codec, value);
  if (encoded === undefined) return undefined;
  const stored = Buffer.from(encoded);
  return decodeEntry(codec, codec.reads === 'text' ? stored.toString() : stored);
}

const markers = fc.constantFrom('\0', 'unstale:', 'absent', 'zstd:', 'plain:', 'x', 'é');
const awkward = fc.string({ unit: markers, maxLength: 6 });

describe('a codec', () => {
  it('gives back what was stored, whatever it begins with', () => {
    fc.assert(
      fc.property(awkward, (text) => {
        expect(roundTrip(jsonCodec<string>(), text)).toBe(text);
        expect(roundTrip(compressed(stringCodec, { minBytes: 1 }), text)).toBe(text);
        expect(roundTrip(compressed(stringCodec), text)).toBe(text);
        expect(roundTrip(compressed(bytesCodec), Buffer.from(text))).toEqual(Buffer.from(text));
        expect(roundTrip(stringCodec, text)).toBe(text === ABSENT ? undefined : text);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(roundTrip(jsonCodec<unknown>(), value)).toEqual(expected);
        expect(roundTrip(compressed(jsonCodec<unknown>(), { minBytes: 1 }), value)).toEqual(expected);
      }),
    );
  });

  it('does not store a value that would read as an absent row, or that it cannot encode', () => {
    expect(encodeEntry(stringCodec, ABSENT)).toBeUndefined();
    expect(encodeEntry(jsonCodec<unknown>(), 1n)).toBeUndefined();
    expect(encodeEntry(jsonCodec<unknown>(), () => 1)).toBeUndefined();
    expect(encodeEntry(jsonCodec<unknown>(), undefined)).toBe(ABSENT);
  });

  it('says that it can make nothing of other texts, instead of throwing', () => {
    expect(decodeEntry(jsonCodec(), '{')).toBe(UNDECODABLE);
    expect(decodeEntry(jsonCodec(), Buffer.from(''))).toBe(UNDECODABLE);
    expect(decodeEntry(compressed(jsonCodec()), Buffer.from('\0unstale:zstd:x'))).toBe(UNDECODABLE);
    expect(decodeEntry(jsonCodec(), Buffer.from(ABSENT))).toBeUndefined();
    expect(decodeEntry(bytesCodec, ABSENT)).toBeUndefined();
  });
});

describe('compression', () => {
  it('begins at the size given, and only where it saves something', () => {
    const codec = compressed(stringCodec, { minBytes: 100 });
    expect(codec.encode('a'.repeat(99)).length).toBe(99);
    expect(codec.encode('a'.repeat(1_000)).length).toBeLessThan(60);
    const random = Array.from({ length: 30 }, (_, index) => String.fromCodePoint(33 + index * 3)).join('');
    expect(compressed(stringCodec, { minBytes: 1 }).encode(random).toString()).toBe(random);
  });

  it('does not expand a value beyond the limit', () => {
    const packed = Buffer.from(compressed(stringCodec).encode('a'.repeat(100_000)));
    expect(decodeEntry(compressed(stringCodec, { maxBytes: 10_000 }), packed)).toBe(UNDECODABLE);
  });
});
