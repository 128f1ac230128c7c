import { asUnstaleError, UnstaleError } from '../../errors/unstale-error.ts';
import type { ByteSink } from './byte-sink.ts';
import type { EventConsumer, EventParts } from './event-consumer.ts';
import { WholeEvent } from './whole-event.ts';

export interface PacketFramerOptions {
  readonly consumer: EventConsumer;
  /** A packet that holds no event: an error, or the end of the dump. Its header included. */
  readonly onOther: (packet: Buffer) => void;
  /** Stops and restarts the flow of bytes. */
  readonly flow: { pause(): void; resume(): void };
  /** Called once; nothing is handed on any more. */
  readonly onFailure: (error: UnstaleError) => void;
}

/** Length 3, sequence number 1. */
const PACKET_HEADER = 4;
/** A packet of this length is continued by the next one. */
const MAX_PAYLOAD = 0xff_ffff;
/** The first byte of a packet that holds an event. */
const EVENT_MARKER = 0;
/** Of an event's header. */
const LENGTH_AT = 9;
/** Larger packets are not waited for in the buffer, bytes; the events of rows have 8 kB (binlog_row_event_max_size). */
const MAX_BUFFERED = 64 * 1024;
/**
 * What one read of the socket may bring, bytes. It should empty what the kernel holds by default (128 KiB): when a reader
 * goes on after a long pause, Linux tells the server of room with the first read and then again when the room has doubled,
 * which it never has if the first read took half. On the loopback interface a segment has up to 64 KiB, that room is too
 * small for it, and the server asks for more only after as long as it has waited already, up to two minutes.
 */
export const READ_BYTES = 256 * 1024;
/** Where reads are written in the buffer: behind the beginning of a packet. */
const READ_AT = MAX_BUFFERED + PACKET_HEADER;
/** Of a large event, what has to be there before it is begun. */
const LARGE_HEAD = 256;

const HELD_BY = { READER: 1, EVENT: 2 } as const;

/** A large event that is on its way. */
interface LargeEvent {
  readonly parts: EventParts;
  /** Bytes of the event that are still missing. */
  missing: number;
  /** Of them, those in the packet that has begun. */
  inPacket: number;
  /** Whether another packet follows. */
  continued: boolean;
}

/**
 * Splits the bytes of a dump into packets and hands their events on, in place. Nothing is handed on while an event takes
 * longer (a compressed transaction, a question to the server), or while the reader holds the flow back; what was
 * received until then waits here, no more than one read.
 */
export class PacketFramer implements ByteSink {
  readonly #options: PacketFramerOptions;
  /** What is left of a read moves in front of where the next one is written, so that packets lie in one piece. */
  readonly #buffer = Buffer.allocUnsafeSlow(READ_AT + READ_BYTES);
  readonly #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.length);
  readonly room = this.#buffer.subarray(READ_AT);
  #start = READ_AT;
  #end = READ_AT;
  /** What `push` could not copy yet. */
  #pushed: Buffer[] = [];
  #sequence = 1;
  #large: LargeEvent | undefined;
  #held = 0;
  #ended = false;

  constructor(options: PacketFramerOptions) {
    this.#options = options;
  }

  wrote(bytes: number): void {
    if (this.#ended) return;
    if (this.#end > READ_AT)
      return this.#fail(new RangeError('bytes were read over others that are held back'));
    this.#end = READ_AT + bytes;
    this.#run();
  }

  push(bytes: Buffer): void {
    if (this.#ended) return;
    this.#pushed.push(bytes);
    if (this.#held === 0) this.#takePushed();
  }

  /** Holds events back. */
  pause(): void {
    this.#hold(HELD_BY.READER);
  }

  resume(): void {
    this.#held &= ~HELD_BY.READER;
    // What was handed on so far is worked off first.
    process.nextTick(() => this.#continue());
  }

  /** Nothing is handed on any more. */
  end(): void {
    this.#ended = true;
    this.#pushed = [];
    this.#large?.parts.abandon();
    this.#large = undefined;
  }

  #run(): void {
    try {
      while (this.#held === 0 && !this.#ended) {
        const moved = this.#large === undefined ? this.#next() : this.#nextPart(this.#large);
        if (!moved) return this.#makeRoom();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #makeRoom(): void {
    const left = this.#end - this.#start;
    if (left > 0) this.#buffer.copyWithin(READ_AT - left, this.#start, this.#end);
    this.#start = READ_AT - left;
    this.#end = READ_AT;
  }

  /** Hands on what the next packet holds; false if it is not there yet. */
  #next(): boolean {
    const start = this.#start;
    if (this.#end - start < PACKET_HEADER) return false;
    const header = this.#view.getUint32(start, true);
    const length = header & MAX_PAYLOAD;
    if (length > MAX_BUFFERED) return this.#beginLarge(length);
    const end = start + PACKET_HEADER + length;
    if (end > this.#end) return false;
    this.#expect(header >>> 24);
    this.#start = end;
    if (length === 0 || this.#buffer[start + PACKET_HEADER] !== EVENT_MARKER) {
      this.#options.onOther(this.#buffer.subarray(start, end));
      return true;
    }
    this.#await(this.#options.consumer.event(this.#buffer, start + PACKET_HEADER + 1, end));
    return true;
  }

  #beginLarge(length: number): boolean {
    const event = this.#start + PACKET_HEADER + 1;
    if (this.#end < event + LARGE_HEAD) return false;
    const eventLength = this.#view.getUint32(event + LENGTH_AT, true);
    const continued = length === MAX_PAYLOAD;
    const fits = continued ? eventLength >= length - 1 : eventLength === length - 1;
    if (this.#buffer[event - 1] !== EVENT_MARKER || !fits)
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `a packet of ${length} bytes does not hold the event that it begins with`,
      );
    this.#expect(this.#buffer[event - 2] ?? 0);
    this.#start = event;
    const { consumer } = this.#options;
    const parts =
      consumer.inParts(this.#buffer.subarray(event, event + LARGE_HEAD), eventLength) ??
      new WholeEvent(consumer, eventLength);
    this.#large = { parts, missing: eventLength, inPacket: length - 1, continued };
    return true;
  }

  #nextPart(large: LargeEvent): boolean {
    const start = this.#start;
    const here = this.#end - start;
    if (large.inPacket > 0) {
      const count = Math.min(here, large.inPacket);
      if (count === 0) return false;
      this.#start = start + count;
      large.inPacket -= count;
      large.missing -= count;
      this.#await(large.parts.part(this.#buffer.subarray(start, start + count)));
      return true;
    }
    if (!large.continued) {
      this.#large = undefined;
      this.#await(large.parts.end());
      return true;
    }
    if (here < PACKET_HEADER) return false;
    const header = this.#view.getUint32(start, true);
    this.#expect(header >>> 24);
    this.#start = start + PACKET_HEADER;
    large.inPacket = header & MAX_PAYLOAD;
    large.continued = large.inPacket === MAX_PAYLOAD;
    if (large.continued ? large.inPacket > large.missing : large.inPacket !== large.missing)
      throw new UnstaleError('UNSTALE_EVENT_UNDECODABLE', 'an event of another length than its header says');
    return true;
  }

  #expect(sequence: number): void {
    if (sequence !== this.#sequence)
      throw new UnstaleError('UNSTALE_BINLOG_CONNECTION_LOST', 'the packets of the dump are out of order');
    this.#sequence = (sequence + 1) & 0xff;
  }

  #await(pending: Promise<void> | undefined): void {
    if (pending === undefined) return;
    this.#hold(HELD_BY.EVENT);
    this.#whenDone(pending).catch((error: unknown) => this.#fail(error));
  }

  async #whenDone(pending: Promise<void>): Promise<void> {
    await pending;
    this.#held &= ~HELD_BY.EVENT;
    this.#continue();
  }

  #hold(by: number): void {
    if (this.#held === 0) this.#options.flow.pause();
    this.#held |= by;
  }

  #continue(): void {
    if (this.#held !== 0 || this.#ended) return;
    this.#run();
    this.#takePushed();
    if (this.#held === 0 && !this.#ended) this.#options.flow.resume();
  }

  #takePushed(): void {
    while (this.#held === 0 && !this.#ended) {
      const bytes = this.#pushed.shift();
      if (bytes === undefined) return;
      const count = bytes.copy(this.room);
      if (count < bytes.length) this.#pushed.unshift(bytes.subarray(count));
      this.wrote(count);
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.end();
    this.#options.onFailure(asUnstaleError(error));
  }
}
