import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UnstaleError } from '../../errors/unstale-error.ts';
import type { EventConsumer } from './event-consumer.ts';
import { PacketFramer } from './packet-framer.ts';

const MAX_PAYLOAD = 0xff_ffff;

/** An event of `length` bytes that begins with a number of its own. */
function event(length: number, no: number): Buffer {
  const bytes = Buffer.alloc(length, no);
  bytes.writeUInt32LE(no, 0);
  bytes.writeUInt32LE(length, 9);
  return bytes;
}

/** Packets as a server sends them, their sequence numbers beginning with 1. */
function packets(payloads: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let sequence = 0;
  for (const payload of payloads) {
    for (let at = 0; at <= payload.length; at += MAX_PAYLOAD) {
      const body = payload.subarray(at, at + MAX_PAYLOAD);
      sequence = (sequence + 1) & 0xff;
      parts.push(
        Buffer.from([body.length & 255, (body.length >> 8) & 255, body.length >> 16, sequence]),
        body,
      );
    }
  }
  return Buffer.concat(parts);
}

const marked = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0]), bytes]);

interface Setup {
  /** How an event is handled; records nothing by itself. */
  readonly handle?: (no: number) => Promise<void> | undefined;
  readonly inParts?: EventConsumer['inParts'];
}

function framed({ handle = () => undefined, inParts = () => undefined }: Setup = {}) {
  const events: Buffer[] = [];
  const others: Buffer[] = [];
  const flow: string[] = [];
  const failures: UnstaleError[] = [];
  const framer = new PacketFramer({
    consumer: {
      event: (buffer, start, end) => {
        events.push(Buffer.from(buffer.subarray(start, end)));
        return handle(buffer.readUInt32LE(start));
      },
      inParts,
    },
    onOther: (packet) => others.push(Buffer.from(packet)),
    flow: { pause: () => flow.push('pause'), resume: () => flow.push('resume') },
    onFailure: (error) => failures.push(error),
  });
  /** As a socket does it. */
  const read = (bytes: Buffer): void => framer.wrote(bytes.copy(framer.room));
  return { framer, events, others, flow, failures, read };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the packets of a dump', () => {
  it('give their events, however the socket cuts them, and whatever takes longer', async () => {
    const sizes = fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.integer({ min: 19, max: 3000 }) },
        fc.integer({ min: 60_000, max: 300_000 }),
      ),
      { minLength: 1, maxLength: 30 },
    );
    const cuts = fc.infiniteStream(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 262_144 })),
    );
    const waits = fc.infiniteStream(fc.constantFrom('at once', 'at once', 'at once', 'later', 'pause'));
    await fc.assert(
      fc.asyncProperty(sizes, cuts, waits, fc.boolean(), async (lengths, cut, wait, encrypted) => {
        const sent = lengths.map(event);
        let paused = false;
        let busy = false;
        const { framer, events, failures, flow, read } = framed({
          handle: () => {
            expect(paused || busy).toBe(false);
            const how = wait.next().value;
            if (how === 'pause') {
              paused = true;
              framer.pause();
              return undefined;
            }
            if (how !== 'later') return undefined;
            busy = true;
            return turn().finally(() => {
              busy = false;
            });
          },
        });
        const bytes = packets(sent.map(marked));
        for (let at = 0; at < bytes.length;) {
          const chunk = bytes.subarray(at, at + (cut.next().value ?? 1));
          at += chunk.length;
          if (encrypted) framer.push(Buffer.from(chunk));
          else read(chunk);
          while (flow.at(-1) === 'pause') {
            if (paused) {
              paused = false;
              framer.resume();
            }
            await turn();
          }
        }
        expect(failures).toEqual([]);
        expect(events.length).toBe(sent.length);
        expect(Buffer.concat(events).equals(Buffer.concat(sent))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it.each([MAX_PAYLOAD - 2, MAX_PAYLOAD - 1, MAX_PAYLOAD, 2 * MAX_PAYLOAD - 1, 2 * MAX_PAYLOAD + 100])(
    'are put together for an event of %i bytes',
    (length) => {
      const { events, failures, read } = framed();
      const sent = [event(50, 1), event(length, 2), event(60, 3)];
      const bytes = packets(sent.map(marked));
      for (let at = 0; at < bytes.length; at += 200_000) read(bytes.subarray(at, at + 200_000));
      expect(failures).toEqual([]);
      expect(events.map((each) => each.length)).toEqual([50, length, 60]);
      expect(events[1]?.equals(sent[1] ?? Buffer.alloc(0))).toBe(true);
    },
  );

  it('hand a large event over in parts to who wants it so, one part after the other', async () => {
    const got: Buffer[] = [];
    let ended = 0;
    const { events, failures, flow, read } = framed({
      inParts: (head, length) => {
        expect(head.readUInt32LE(0)).toBe(2);
        expect(length).toBe(500_000);
        return {
          part: async (bytes) => {
            const copy = Buffer.from(bytes);
            await turn();
            expect(bytes.equals(copy)).toBe(true);
            got.push(copy);
          },
          end: async () => {
            await turn();
            ended = got.length;
          },
          abandon: () => undefined,
        };
      },
    });
    const sent = [event(50, 1), event(500_000, 2), event(60, 3)];
    const bytes = packets(sent.map(marked));
    for (let at = 0; at < bytes.length; at += 100_000) {
      read(bytes.subarray(at, at + 100_000));
      while (flow.at(-1) === 'pause') await turn();
    }
    expect(failures).toEqual([]);
    expect(ended).toBe(got.length);
    expect(Buffer.concat(got).equals(sent[1] ?? Buffer.alloc(0))).toBe(true);
    expect(events.map((each) => each.length)).toEqual([50, 60]);
  });

  it('that hold no event are handed back with their headers', () => {
    const { events, others, read } = framed();
    const error = Buffer.from([0xff, 0xd4, 0x04]);
    read(packets([marked(event(30, 1)), error]));
    expect(events).toHaveLength(1);
    expect(others).toEqual([Buffer.concat([Buffer.from([3, 0, 0, 2]), error])]);
  });

  it('are not read on after the end, nor after a failure', async () => {
    const stopped = framed({ handle: () => stopped.framer.end() as undefined });
    stopped.read(packets([event(30, 1), event(30, 2)].map(marked)));
    stopped.read(packets([event(30, 3)].map(marked)));
    expect(stopped.events).toHaveLength(1);

    const failed = framed({ handle: async () => Promise.reject(new RangeError('damaged')) });
    failed.read(packets([event(30, 1), event(30, 2)].map(marked)));
    await turn();
    expect(failed.events).toHaveLength(1);
    expect(failed.failures.map(({ message }) => message)).toEqual(['damaged']);
    expect(failed.flow).toEqual(['pause']);
  });

  it('let go of a large event whose rest never comes', () => {
    let abandoned = 0;
    const { framer, read } = framed({
      inParts: () => ({ part: () => undefined, end: () => undefined, abandon: () => (abandoned += 1) }),
    });
    read(packets([marked(event(500_000, 1))]).subarray(0, 100_000));
    framer.end();
    framer.end();
    expect(abandoned).toBe(1);
  });

  it.each([
    ['a number is left out', (bytes: Buffer) => bytes.writeUInt8(9, 3), 'UNSTALE_BINLOG_CONNECTION_LOST'],
    [
      'a large event is not as long as its packet',
      (bytes: Buffer) => bytes.writeUInt8(1, 14),
      'UNSTALE_EVENT_UNDECODABLE',
    ],
    ['a large packet holds no event', (bytes: Buffer) => bytes.writeUInt8(7, 4), 'UNSTALE_EVENT_UNDECODABLE'],
  ])('are refused when %s', (_what, damage, code) => {
    const { events, failures, read } = framed();
    const bytes = packets([marked(event(100_000, 1))]);
    damage(bytes);
    read(bytes);
    expect(events).toEqual([]);
    expect(failures.map((failure) => failure.code)).toEqual([code]);
  });
});
