import { UnstaleError } from '../../errors/unstale-error.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import { classifyStatement } from '../statement/classify-statement.ts';
import { ByteReader, hasBytes, viewOf } from './byte-reader.ts';
import { checksumBytesOf } from './checksum.ts';
import {
  readHeartbeat,
  readHeartbeatV2,
  readMariadbGtid,
  readMariadbGtidList,
  readPreviousGtids,
  readRotate,
  readStatement,
  readTaggedGtid,
  readXaPrepare,
} from './control-events.ts';
import type { StatementText } from './control-events.ts';
import { crc32 } from './crc32.ts';
import { EVENT, HEADER_BYTES, isHarmless } from './event-type.ts';
import type { EventConsumer, EventParts } from '../wire/event-consumer.ts';
import { GtidReader } from './gtid-reader.ts';
import type { HintReader } from './hint-reader.ts';
import { PayloadParts } from './payload-parts.ts';
import { KnownTables } from './known-tables.ts';
import type { KnownTablesOptions } from './known-tables.ts';
import type { RowsFormat } from './row-decoder.ts';
import { ROWS_FORMATS } from './rows-formats.ts';
import type { PayloadConsumer } from './payload-stream.ts';
import { expandPayload } from './transaction-payload.ts';

export interface EventDecoderOptions extends KnownTablesOptions {
  /** Bytes of the checksum behind each event until a format description says otherwise: 4 for CRC32, 0 for none. */
  readonly checksumBytes: number;
  /** Whether events whose checksum is wrong are refused, which costs a pass over their bytes. */
  readonly verifyChecksums: boolean;
  /** Finds keys that comments of statements name; without it they are not looked for. */
  readonly hints?: HintReader | undefined;
  readonly emit: (event: BinlogEvent) => void;
  /** A promise while nothing more should be emitted; a large compressed transaction then waits for it. */
  readonly whenWritable?: () => Promise<void> | undefined;
}

/** Where an event lies, and what its header says. `end` is where its body ends, before the checksum. */
interface EventFrame {
  buffer: Buffer;
  view: DataView;
  start: number;
  end: number;
  nextOffset: number;
  /** There is no checksum behind `end`, or it is to be believed. */
  verified: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
/** One object for all events of a kind: they are too many to make one of each. */
type Reused<K extends BinlogEvent['kind']> = Mutable<Extract<BinlogEvent, { kind: K }>>;

/**
 * Decodes a binlog, in place and only as far as it is needed: of rows the mapped columns, of other tables' rows
 * nothing but the table's id. Nothing that may change a row is passed over in silence: what cannot be read is an
 * error.
 *
 * Measured against other readers: see docs/benchmarks.md.
 */
export class EventDecoder implements EventConsumer {
  readonly #options: EventDecoderOptions;
  readonly #tables: KnownTables;
  readonly #gtids = new GtidReader();
  /** One for all events: they are far too many to make an object of each. */
  readonly #frame: EventFrame = emptyFrame();
  readonly #begin: Reused<'begin'> = {
    kind: 'begin',
    timestamp: 0,
    nextOffset: 0,
  };
  readonly #commit: Reused<'commit'> = {
    kind: 'commit',
    timestamp: 0,
    nextOffset: 0,
  };
  readonly #opening: Reused<'gtid'> = {
    kind: 'gtid',
    timestamp: 0,
    nextOffset: 0,
    gtid: undefined,
    opens: 'by-statement',
    committedAt: undefined,
    prepares: undefined,
  };
  #checksumBytes: number;

  constructor(options: EventDecoderOptions) {
    this.#options = options;
    this.#checksumBytes = options.checksumBytes;
    this.#tables = new KnownTables(options);
  }

  /**
   * Decodes the event whose header begins at `start`, and emits what it means. For a large compressed transaction
   * it returns a promise, before whose end no other event may be given.
   * @throws UnstaleError UNSTALE_EVENT_UNDECODABLE, also through the promise, for an event that is damaged or that may
   *   change rows and cannot be read
   */
  event(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    const type = buffer[start + 4] ?? 0;
    try {
      if (type === EVENT.FORMAT_DESCRIPTION) this.#checksumBytes = checksumBytesOf(buffer, start, end);
      const verified = this.#checksumBytes === 0 || !this.#options.verifyChecksums;
      const frame = this.#aim(buffer, start, end - this.#checksumBytes, verified);
      // Where checksums are not looked at nothing else tells that the last rows were cut off.
      if (frame.view.getUint32(start + 9, true) !== end - start)
        throw new RangeError('its length is not the one that its header says');
      frame.nextOffset = frame.view.getUint32(start + 13, true);
      return this.#dispatch(type, frame)?.catch((error: unknown) => {
        throw undecodable(type, error);
      });
    } catch (error) {
      throw undecodable(type, error);
    }
  }

  /**
   * Who takes a large event in parts: a compressed transaction is expanded while it comes. The promises of the parts
   * reject like those of `event`.
   * @throws UnstaleError like `event`
   */
  inParts(head: Buffer, length: number): EventParts | undefined {
    const type = head[4] ?? 0;
    if (type !== EVENT.TRANSACTION_PAYLOAD) return undefined;
    try {
      const nextOffset = head.readUInt32LE(13);
      const parts = PayloadParts.of(head, {
        length,
        checksumBytes: this.#checksumBytes,
        verifyChecksum: this.#options.verifyChecksums,
        consumer: this.#innerConsumer(nextOffset),
      });
      const failed = (error: unknown): never => {
        throw undecodable(type, error);
      };
      return (
        parts && {
          part: (bytes) => parts.part(bytes)?.catch(failed),
          end: () => parts.end().catch(failed),
          abandon: () => parts.abandon(),
        }
      );
    } catch (error) {
      throw undecodable(type, error);
    }
  }

  #innerConsumer(nextOffset: number): PayloadConsumer {
    return {
      event: (buffer, start, end) => this.#inner(buffer, start, end, nextOffset),
      whenWritable: this.#options.whenWritable ?? always,
    };
  }

  #aim(buffer: Buffer, start: number, end: number, verified: boolean): EventFrame {
    if (end - start < HEADER_BYTES) throw new RangeError('it is too short');
    const frame = this.#frame;
    // Many events lie in one buffer, as the socket delivered them.
    if (frame.buffer !== buffer) {
      frame.buffer = buffer;
      frame.view = viewOf(buffer);
    }
    frame.start = start;
    frame.end = end;
    frame.verified = verified;
    return frame;
  }

  #dispatch(type: number, frame: EventFrame): Promise<void> | undefined {
    const rows = ROWS_FORMATS[type];
    if (rows !== undefined) {
      this.#rows(rows, frame);
      return undefined;
    }
    switch (type) {
      case EVENT.TABLE_MAP: {
        const { buffer, view, start, end } = frame;
        if (this.#tables.knows(view, start + HEADER_BYTES, end)) return undefined;
        requireIntact(frame);
        return this.#tables.announce(buffer, view, start + HEADER_BYTES, end);
      }
      case EVENT.QUERY:
        if (!isBegin(frame)) return this.#rare(type, frame);
        this.#emitAt(frame, this.#begin);
        return undefined;
      case EVENT.GTID:
      case EVENT.ANONYMOUS_GTID:
        this.#gtid(type, frame);
        return undefined;
      case EVENT.XID:
        requireIntact(frame);
        this.#tables.trim();
        this.#emitAt(frame, this.#commit);
        return undefined;
      case EVENT.TRANSACTION_PAYLOAD: {
        requireIntact(frame);
        return expandPayload(bodyOf(frame), this.#innerConsumer(frame.nextOffset));
      }
      default:
        return this.#rare(type, frame);
    }
  }

  /** An event within a compressed transaction: without a checksum, and it ends where the whole transaction does. */
  #inner(buffer: Buffer, start: number, end: number, nextOffset: number): Promise<void> | undefined {
    const type = buffer[start + 4] ?? 0;
    if (type === EVENT.TRANSACTION_PAYLOAD)
      throw new RangeError('a compressed transaction within another one');
    const frame = this.#aim(buffer, start, end, true);
    frame.nextOffset = nextOffset;
    return this.#dispatch(type, frame);
  }

  #rare(type: number, frame: EventFrame): undefined {
    requireIntact(frame);
    const { emit, flavour } = this.#options;
    const reader = bodyOf(frame);
    const header = { timestamp: timestampOf(frame), nextOffset: frame.nextOffset };
    switch (type) {
      case EVENT.QUERY:
      case EVENT.MARIADB_QUERY_COMPRESSED:
        this.#statement(header, readStatement(reader, type === EVENT.MARIADB_QUERY_COMPRESSED));
        return;
      case EVENT.MARIADB_GTID:
        emit({
          ...header,
          kind: 'gtid',
          ...readMariadbGtid(reader, frame.view.getUint32(frame.start + 5, true)),
        });
        return;
      case EVENT.GTID_TAGGED:
        emit({ ...header, kind: 'gtid', ...readTaggedGtid(reader) });
        return;
      case EVENT.XA_PREPARE:
        emit({ ...header, kind: 'xa-prepare', ...readXaPrepare(reader) });
        return;
      case EVENT.ROTATE:
        emit({ ...header, kind: 'rotate', ...readRotate(reader) });
        return;
      case EVENT.FORMAT_DESCRIPTION:
        this.#tables.forget();
        emit({ ...header, kind: 'format' });
        return;
      case EVENT.PREVIOUS_GTIDS:
        emit({ ...header, kind: 'previous-gtids', gtidSet: readPreviousGtids(reader) });
        return;
      case EVENT.MARIADB_GTID_LIST:
        emit({ ...header, kind: 'previous-gtids', gtidSet: readMariadbGtidList(reader) });
        return;
      case EVENT.HEARTBEAT:
        emit({ ...header, kind: 'heartbeat', ...readHeartbeat(reader, frame.nextOffset, flavour) });
        return;
      case EVENT.HEARTBEAT_V2:
        emit({ ...header, kind: 'heartbeat', ...readHeartbeatV2(reader) });
        return;
      case EVENT.EXECUTE_LOAD_QUERY:
      case EVENT.INCIDENT:
        emit({ ...header, kind: 'blind' });
        return;
      case EVENT.ROWS_QUERY:
        // The text's length, of which only the lowest byte is kept.
        reader.skip(1);
        this.#rowsStatement(header, reader);
        return;
      case EVENT.MARIADB_ANNOTATE_ROWS:
        this.#rowsStatement(header, reader);
        return;
      default:
        if (!isHarmless(type, frame.view.getUint16(frame.start + 17, true)))
          throw new RangeError('nothing is known of this type');
        emit({ ...header, kind: 'other' });
    }
  }

  #statement(header: Pick<BinlogEvent, 'timestamp' | 'nextOffset'>, { schema, text }: StatementText): void {
    if (classifyStatement(text) === 'other') this.#tables.distrustCatalogue();
    const hints = this.#options.hints?.ofText(text) ?? [];
    this.#options.emit(
      hints.length === 0
        ? { ...header, kind: 'statement', schema, text }
        : { ...header, kind: 'statement', schema, text, hints },
    );
  }

  /** The statement whose rows follow. */
  #rowsStatement(header: Pick<BinlogEvent, 'timestamp' | 'nextOffset'>, reader: ByteReader): void {
    const hints = this.#options.hints?.ofBytes(reader) ?? [];
    this.#options.emit(
      hints.length === 0 ? { ...header, kind: 'other' } : { ...header, kind: 'hints', hints },
    );
  }

  #gtid(type: number, frame: EventFrame): void {
    requireIntact(frame);
    const { view, start, end } = frame;
    const body = start + HEADER_BYTES;
    const opening = this.#opening;
    const gtid = this.#gtids.gtid(view, body, end);
    opening.gtid = type === EVENT.GTID ? gtid : undefined;
    opening.committedAt = this.#gtids.committedAt(view, body, end);
    this.#emitAt(frame, opening);
  }

  #emitAt(frame: EventFrame, event: Reused<'begin' | 'commit' | 'gtid'>): void {
    event.timestamp = timestampOf(frame);
    event.nextOffset = frame.nextOffset;
    this.#options.emit(event);
  }

  #rows(format: RowsFormat, frame: EventFrame): void {
    requireIntact(frame);
    const { buffer, view, start, end, nextOffset } = frame;
    const body = start + HEADER_BYTES;
    if (body + 8 > end) throw new RangeError('it is too short');
    const target = this.#tables.targetAt(view, body);
    if (target === 'other') return;
    const timestamp = timestampOf(frame);
    if (target === 'own') {
      this.#options.emit({ kind: 'own-rows', timestamp, nextOffset });
      return;
    }
    const changes = target.decode(format, new ByteReader(buffer, body + 8, end, view));
    this.#options.emit({ kind: 'rows', timestamp, nextOffset, changes, bytes: end - start });
  }
}

function emptyFrame(): EventFrame {
  const buffer = Buffer.alloc(0);
  return { buffer, view: viewOf(buffer), start: 0, end: 0, nextOffset: 0, verified: true };
}

function bodyOf({ buffer, view, start, end }: EventFrame): ByteReader {
  return new ByteReader(buffer, start + HEADER_BYTES, end, view);
}

/** s since the epoch. */
function timestampOf({ view, start }: EventFrame): number {
  return view.getUint32(start, true);
}

const BEGIN = viewOf(Buffer.from('BEGIN'));

/** Whether a statement is exactly BEGIN, which it nearly always is, without making strings of it. */
function isBegin({ view, start, end }: EventFrame): boolean {
  const body = start + HEADER_BYTES;
  if (body + 13 > end) return false;
  const text = body + 13 + view.getUint16(body + 11, true) + view.getUint8(body + 8) + 1;
  return end - text === BEGIN.byteLength && hasBytes(view, text, BEGIN);
}

function requireIntact({ view, start, end, verified }: EventFrame): void {
  if (!verified && crc32(view, start, end) !== view.getUint32(end, true))
    throw new RangeError('its checksum is wrong: it was damaged on the server or on the way');
}

function always(): undefined {
  return undefined;
}

function undecodable(type: number, error: unknown): UnstaleError {
  if (error instanceof UnstaleError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new UnstaleError(
    'UNSTALE_EVENT_UNDECODABLE',
    `a binlog event of type ${type} cannot be read: ${reason}`,
    { cause: error },
  );
}
