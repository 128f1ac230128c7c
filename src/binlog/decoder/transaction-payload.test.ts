import { zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { expandPayload } from './transaction-payload.ts';
import type { PayloadConsumer } from './payload-stream.ts';

const u16 = (value: number): number[] => [0xfc, value & 255, value >> 8];

/** An event of `length` bytes, filled with `fill`. */
function event(length: number, fill: number): Buffer {
  const buffer = Buffer.alloc(length, fill);
  buffer.writeUInt32LE(length, 9);
  return buffer;
}

function payload(body: Buffer, uncompressed: number, compression = 0): ByteReader {
  const size = Buffer.alloc(9);
  size[0] = 0xfe;
  size.writeBigUInt64LE(BigInt(uncompressed), 1);
  const kind = compression < 0xfb ? [compression] : u16(compression);
  const fields = [2, kind.length, ...kind, 3, 9, ...size];
  const buffer = Buffer.concat([Buffer.from([...fields, 0]), body]);
  return new ByteReader(buffer, 0, buffer.length);
}

/** Keeps copies of all events. */
function collector(): PayloadConsumer & { readonly events: Buffer[] } {
  const events: Buffer[] = [];
  return {
    events,
    event: (buffer, start, end) => void events.push(Buffer.from(buffer.subarray(start, end))),
    whenWritable: () => undefined,
  };
}

describe('a compressed transaction', () => {
  it('gives its events one after the other, whatever their number and sizes', async () => {
    const sizes = fc.array(fc.integer({ min: 19, max: 200_000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const events = lengths.map((length, index) => event(length, index));
        const whole = Buffer.concat(events);
        const target = collector();
        await expandPayload(payload(zstdCompressSync(whole), whole.length), target);
        expect(target.events.map((each) => each.length)).toEqual(lengths);
        expect(Buffer.concat(target.events).equals(whole)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('may be stored without compression', () => {
    const target = collector();
    expect(expandPayload(payload(event(50, 7), 50, 255), target)).toBeUndefined();
    expect(target.events).toEqual([event(50, 7)]);
  });

  it('waits behind an event that takes longer, and while nothing more can be taken', async () => {
    const whole = Buffer.concat(Array.from({ length: 40 }, (_, index) => event(20_000, index)));
    const steps: string[] = [];
    let writable = 0;
    await expandPayload(payload(zstdCompressSync(whole), whole.length), {
      event: (buffer, start) => {
        steps.push(`event ${buffer[start]}`);
        if (buffer[start] !== 5) return undefined;
        return Promise.resolve().then(() => void steps.push('after 5'));
      },
      whenWritable: async () => {
        writable += 1;
      },
    });
    expect(steps.indexOf('after 5')).toBe(steps.indexOf('event 6') - 1);
    expect(steps.filter((step) => step.startsWith('event'))).toHaveLength(40);
    expect(writable).toBeGreaterThan(3);
  });

  it('that is cut off, or holds a broken event, is an error', async () => {
    const whole = Buffer.concat([event(30, 1), event(400_000, 2)]);
    const compressed = zstdCompressSync(whole);
    const cases: readonly ByteReader[] = [
      payload(compressed.subarray(0, compressed.length - 5), whole.length),
      payload(zstdCompressSync(whole.subarray(0, whole.length - 1)), whole.length),
      payload(zstdCompressSync(Buffer.alloc(30)), 30),
      payload(compressed, whole.length, 9),
      payload(Buffer.from('nonsense'), 8),
      new ByteReader(Buffer.from([1, 1, ...u16(5)]), 0, 5),
    ];
    for (const reader of cases) {
      await expect((async () => expandPayload(reader, collector()))()).rejects.toThrow();
    }
  });
});
