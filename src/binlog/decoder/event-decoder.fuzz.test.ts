import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEventFixture } from '../../../test/fixtures/event-fixture.ts';
import { interestsIn } from '../../../test/support/interests.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import { EventDecoder } from './event-decoder.ts';
import { EVENT, HEADER_BYTES } from './event-type.ts';

const CRC32_BYTES = 4;
const NUM_RUNS = 1500;
/** Bytes that begin long lengths, numbers at their limits, and text. */
const TELLING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
const MARIADB_COMPRESSED_ROWS = 166;

interface Outcome {
  readonly events: readonly BinlogEvent[];
  readonly failure: unknown;
}

describe.each(['mysql', 'mariadb'] as const)('damaged events of %s', (flavour) => {
  const fixture = readEventFixture(flavour);
  const whole = fixture.events.map((hex) => Buffer.from(hex, 'hex'));
  const charsets = new Map(Object.entries(fixture.charsets).map(([id, name]) => [Number(id), name]));
  const place = fc.nat({ max: whole.length - 1 });
  const at = (index: number): Buffer => whole[index] ?? Buffer.alloc(0);

  /** What `damaged` means where event number `index` was expected. */
  async function decodeAt(index: number, damaged: Buffer): Promise<Outcome> {
    const events: BinlogEvent[] = [];
    let listening = false;
    const decoder = new EventDecoder({
      flavour,
      interests: interestsIn([
        {
          table: { schema: 'shop', table: 'users' },
          columns: [
            'id',
            'email',
            'name',
            'code',
            'amount',
            'seen',
            'changed',
            'clock',
            'state',
            'flags',
            'total',
          ],
        },
        { table: { schema: 'shop', table: 'docs' }, columns: ['id', 'email'] },
      ]),
      stateSchema: 'unstale',
      charsets,
      checksumBytes: CRC32_BYTES,
      verifyChecksums: true,
      rowMetadata: 'full',
      readCatalogue: async () => undefined,
      emit: (event) => {
        if (listening) events.push(event);
      },
    });
    for (const event of whole.slice(0, index)) {
      const type = event[4];
      if (type === EVENT.FORMAT_DESCRIPTION || type === EVENT.TABLE_MAP)
        await decoder.event(event, 0, event.length);
    }
    listening = true;
    try {
      await decoder.event(damaged, 0, damaged.length);
      return { events, failure: undefined };
    } catch (failure) {
      return { events, failure };
    }
  }

  /** Events or the documented error, and never more rows than the bytes can hold. */
  function expectHandled({ events, failure }: Outcome, damaged: Buffer): void {
    if (failure !== undefined) expectUndecodable(failure);
    if ((damaged[4] ?? 0) >= MARIADB_COMPRESSED_ROWS || damaged[4] === EVENT.TRANSACTION_PAYLOAD) return;
    expect(events.length).toBeLessThanOrEqual(1);
    const rows = events.flatMap((event) => (event.kind === 'rows' ? event.changes : []));
    expect(rows.length).toBeLessThanOrEqual(damaged.length);
  }

  it('are none as long as nothing is damaged', async () => {
    const outcomes = await Promise.all(whole.map((event, index) => decodeAt(index, event)));
    expect(outcomes.map(({ failure }) => failure)).toEqual(whole.map(() => undefined));
    const rows = outcomes.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'rows' ? event.changes : [])),
    );
    expect(rows).toHaveLength(flavour === 'mysql' ? 14 : 18);
  });

  it('are recognised by their checksum, and nothing is made of them', async () => {
    const flips = fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(place, flips, async (index, bits) => {
        const damaged = Buffer.from(at(index));
        const places = new Set(bits.map((bit) => bit % (damaged.length * 8)));
        for (const bit of places) damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const { events, failure } = await decodeAt(index, damaged);
        expect(events.filter(({ kind }) => kind !== 'begin')).toEqual([]);
        // A BEGIN, and a table map like the last one of its table, say nothing but their text; the rest of them does not matter.
        const isEmpty = damaged[4] === EVENT.TABLE_MAP || events.length > 0;
        if (!isEmpty || failure !== undefined) expectUndecodable(failure);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('that were cut off are recognised', async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.nat(), async (index, keep) => {
        const damaged = at(index).subarray(0, keep % at(index).length);
        const { events, failure } = await decodeAt(index, damaged);
        expectUndecodable(failure);
        expect(events).toEqual([]);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  // The damage may be older than the checksum: from here on the checksum is right.
  it('whose bits were flipped before the checksum was made end in events or the documented error', async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), async (index, bits) => {
        const body = bodyOf(at(index));
        for (const bit of bits) {
          const byte = (bit >> 3) % body.length;
          body[byte] = (body[byte] ?? 0) ^ (1 << (bit & 7));
        }
        const damaged = sealed(body);
        expectHandled(await decodeAt(index, damaged), damaged);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('with wrong lengths and counts end in events or the documented error', async () => {
    const overwrites = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...TELLING_BYTES)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(place, overwrites, async (index, bytes) => {
        const body = bodyOf(at(index));
        for (const [offset, value] of bytes) body[offset % body.length] = value;
        const damaged = sealed(body);
        expectHandled(await decodeAt(index, damaged), damaged);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('that end too early or go on too long end in events or the documented error', async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.nat(), fc.uint8Array({ maxLength: 12 }), async (index, keep, more) => {
        const body = bodyOf(at(index));
        const damaged = sealed(Buffer.concat([body.subarray(0, keep % (body.length + 1)), more]));
        expectHandled(await decodeAt(index, damaged), damaged);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('spliced of two end in events or the documented error', async () => {
    await fc.assert(
      fc.asyncProperty(place, place, fc.nat(), fc.nat(), async (index, other, cut, from) => {
        const head = bodyOf(at(index));
        const tail = bodyOf(at(other));
        const damaged = sealed(
          Buffer.concat([head.subarray(0, cut % head.length), tail.subarray(from % tail.length)]),
        );
        expectHandled(await decodeAt(index, damaged), damaged);
      }),
      { numRuns: NUM_RUNS },
    );
  });

  it('of random bytes end in events or the documented error, whatever their type', async () => {
    await fc.assert(
      fc.asyncProperty(
        place,
        fc.uint8Array({ maxLength: 200 }),
        fc.nat({ max: 255 }),
        async (index, bytes, type) => {
          const body = Buffer.from(bytes);
          if (body.length > 4) body[4] = type;
          const damaged = sealed(body);
          expectHandled(await decodeAt(index, damaged), damaged);
        },
      ),
      { numRuns: NUM_RUNS },
    );
  });

  it('of random bytes behind the header of a real one end in events or the documented error', async () => {
    await fc.assert(
      fc.asyncProperty(
        place,
        fc.uint8Array({ maxLength: 200 }),
        fc.nat({ max: 12 }),
        async (index, bytes, keep) => {
          const damaged = sealed(Buffer.concat([at(index).subarray(0, HEADER_BYTES + keep), bytes]));
          expectHandled(await decodeAt(index, damaged), damaged);
        },
      ),
      { numRuns: NUM_RUNS },
    );
  });
});

function expectUndecodable(failure: unknown): void {
  expect(failure).toBeInstanceOf(UnstaleError);
  expect(failure).toMatchObject({ code: 'UNSTALE_EVENT_UNDECODABLE' });
}

/** A copy without the checksum. */
function bodyOf(event: Buffer): Buffer {
  return Buffer.from(event.subarray(0, event.length - CRC32_BYTES));
}

/** With the length and checksum that belong to it, so that the decoder has to see for itself what is wrong. */
function sealed(body: Buffer): Buffer {
  const event = Buffer.alloc(body.length + CRC32_BYTES);
  if (body.length >= HEADER_BYTES) body.writeUInt32LE(event.length, 9);
  body.copy(event);
  event.writeUInt32LE(crc32(body), body.length);
  return event;
}
