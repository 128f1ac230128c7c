import { crc32, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PayloadParts } from './payload-parts.ts';

const HEADER = 19;

/** An event of `length` bytes, filled with `fill`. */
function inner(length: number, fill: number): Buffer {
  const buffer = Buffer.alloc(length, fill);
  buffer.writeUInt32LE(length, 9);
  return buffer;
}

/** A TRANSACTION_PAYLOAD event with a checksum. */
function payloadEvent(events: readonly Buffer[]): Buffer {
  const body = zstdCompressSync(Buffer.concat(events));
  const size = Buffer.alloc(9, 0xfe);
  size.writeBigUInt64LE(BigInt(body.length), 1);
  const event = Buffer.concat([
    Buffer.alloc(HEADER, 40),
    Buffer.from([2, 1, 0, 1, 9]),
    size,
    Buffer.from([0]),
    body,
  ]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(event));
  return Buffer.concat([event, checksum]);
}

function partsOf(event: Buffer, verifyChecksum = true): { parts: PayloadParts; fills: number[] } {
  const fills: number[] = [];
  const parts = PayloadParts.of(event.subarray(0, 256), {
    length: event.length,
    checksumBytes: 4,
    verifyChecksum,
    consumer: {
      event: (buffer, start) => void fills.push(buffer[start] ?? 0),
      whenWritable: () => undefined,
    },
  });
  if (parts === undefined) throw new Error('it is compressed');
  return { parts, fills };
}

async function feed(parts: PayloadParts, event: Buffer, sizes: () => number): Promise<void> {
  for (let at = 0; at < event.length;) {
    const part = event.subarray(at, at + sizes());
    at += part.length;
    await parts.part(part);
  }
  await parts.end();
}

const EVENTS = Array.from({ length: 200 }, (_, index) => inner(2000 + index, index));

describe('a large compressed transaction that arrives in parts', () => {
  it('gives all its events, however it is cut', async () => {
    const event = payloadEvent(EVENTS);
    const cuts = fc.infiniteStream(
      fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 500 })),
    );
    await fc.assert(
      fc.asyncProperty(cuts, async (cut) => {
        const { parts, fills } = partsOf(event);
        await feed(parts, event, () => cut.next().value ?? 1);
        expect(fills).toEqual(EVENTS.map((each) => each[0]));
      }),
      { numRuns: 20 },
    );
  });

  it('keeps its last event, the commit, back until the checksum is known to be right', async () => {
    const event = payloadEvent(EVENTS);
    const { parts, fills } = partsOf(event);
    await parts.part(event.subarray(0, -1));
    expect(fills).not.toContain(199);
    await parts.part(event.subarray(-1));
    await parts.end();
    expect(fills.at(-1)).toBe(199);
  });

  it('fails without its commit when the checksum is wrong, and is believed when nobody looks', async () => {
    const event = payloadEvent(EVENTS);
    event.writeUInt32LE(1, event.length - 4);
    const { parts, fills } = partsOf(event);
    await expect(feed(parts, event, () => 300)).rejects.toThrow('its checksum is wrong');
    expect(fills).not.toContain(199);
    const believed = partsOf(event, false);
    await feed(believed.parts, event, () => 300);
    expect(believed.fills).toHaveLength(200);
  });

  it('fails when it is cut off, damaged, or of another size', async () => {
    const event = payloadEvent(EVENTS);
    const short = partsOf(event, false);
    await short.parts.part(event.subarray(0, -40));
    await expect(short.parts.end()).rejects.toThrow();
    const damaged = Buffer.from(event).fill(0x55, 40, 200);
    await expect(feed(partsOf(damaged, false).parts, damaged, () => 100)).rejects.toThrow();
    expect(() => partsOf(event.subarray(0, -1))).toThrow('another size');
  });

  it('fails with the error of whoever takes its events', async () => {
    const event = payloadEvent(EVENTS);
    const parts = PayloadParts.of(event.subarray(0, 256), {
      length: event.length,
      checksumBytes: 4,
      verifyChecksum: true,
      consumer: {
        event: (buffer, start) => {
          if (buffer[start] === 5) throw new RangeError('the fifth');
          return undefined;
        },
        whenWritable: () => undefined,
      },
    });
    await expect(feed(parts ?? partsOf(event).parts, event, () => 100)).rejects.toThrow('the fifth');
  });
});
