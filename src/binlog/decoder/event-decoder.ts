import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import type { BinlogEvent } from '../binlog-event.ts';
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
import { crc32 } from './crc32.ts';
import { EVENT, HEADER_BYTES, isHarmless } from './event-type.ts';
import { GtidReader } from './gtid-reader.ts';
import { RowDecoder } from './row-decoder.ts';
import type { RowsFormat } from './row-decoder.ts';
import { ROWS_FORMATS } from './rows-formats.ts';
import { readColumns, readTableNames } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';
import { expandPayload } from './transaction-payload.ts';

export interface EventDecoderOptions {
  readonly flavour: 'mysql' | 'mariadb';
  readonly interests: readonly TableInterest[];
  /** Schema of unstale's state tables when they are on this server. */
  readonly stateSchema: string | undefined;
  readonly charsets: CollationCharsets;
  /** Bytes of the checksum behind each event until a format description says otherwise: 4 for CRC32, 0 for none. */
  readonly checksumBytes: number;
  /** Whether events whose checksum is wrong are refused, which costs a pass over their bytes. */
  readonly verifyChecksums: boolean;
  readonly emit: (event: BinlogEvent) => void;
  /** A promise while nothing more should be emitted; a large compressed transaction then waits for it. */
  readonly whenWritable?: () => Promise<void> | undefined;
}

/** What a table id stands for: a mapped table, unstale's own state, or nothing of interest. */
type Target = RowDecoder | 'own' | 'other';

interface KnownTable {
  /** The TABLE_MAP event's body, to recognise its like without parsing it. */
  readonly bytes: DataView;
  readonly target: Target;
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

/** Tables that are remembered between transactions; each ALTER TABLE gives a table a new id. */
const MAX_KNOWN_TABLES = 512;
/** Ends a statement without rows. */
const NO_TABLE_ID = 0xff_ffff;

/**
 * Decodes a binlog, in place and only as far as it is needed: of rows the mapped columns, of other tables' rows
 * nothing but the table's id. Nothing that may change a row is passed over in silence: what cannot be read is an
 * error.
 *
 * Measured against other readers: see docs/benchmarks.md.
 */
export class EventDecoder {
  readonly #options: EventDecoderOptions;
  readonly #interests = new Map<string, TableInterest>();
  readonly #tables = new Map<number, KnownTable>();
  readonly #gtids = new GtidReader();
  /** One for all events: they are far too many to make an object of each. */
  readonly #frame: EventFrame = emptyFrame();
  #checksumBytes: number;

  constructor(options: EventDecoderOptions) {
    this.#options = options;
    this.#checksumBytes = options.checksumBytes;
    for (const interest of options.interests) this.#interests.set(formatTable(interest.table), interest);
  }

  /**
   * Decodes the event whose header begins at `start`, and emits what it means. For a large compressed transaction
   * it returns a promise, before whose end no other event may be given.
   * @throws UnstaleError UNSTALE_EVENT_UNDECODABLE, also through the promise, for an event that is damaged or that may
   *   change rows and cannot be read
   */
  decode(buffer: Buffer, start: number, end: number): Promise<void> | undefined {
    const type = buffer[start + 4] ?? 0;
    try {
      if (type === EVENT.FORMAT_DESCRIPTION) this.#checksumBytes = checksumBytesOf(buffer, start, end);
      const verified = this.#checksumBytes === 0 || !this.#options.verifyChecksums;
      const frame = this.#aim(buffer, start, end - this.#checksumBytes, verified);
      frame.nextOffset = frame.view.getUint32(start + 13, true);
      return this.#dispatch(type, frame)?.catch((error: unknown) => {
        throw undecodable(type, error);
      });
    } catch (error) {
      throw undecodable(type, error);
    }
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
      case EVENT.TABLE_MAP:
        this.#tableMap(frame);
        return undefined;
      case EVENT.QUERY:
        if (!isBegin(frame)) return this.#rare(type, frame);
        this.#options.emit({ kind: 'begin', timestamp: timestampOf(frame), nextOffset: frame.nextOffset });
        return undefined;
      case EVENT.GTID:
      case EVENT.ANONYMOUS_GTID:
        this.#gtid(type, frame);
        return undefined;
      case EVENT.XID:
        requireIntact(frame);
        if (this.#tables.size > MAX_KNOWN_TABLES) this.#tables.clear();
        this.#options.emit({ kind: 'commit', timestamp: timestampOf(frame), nextOffset: frame.nextOffset });
        return undefined;
      case EVENT.TRANSACTION_PAYLOAD: {
        requireIntact(frame);
        const { nextOffset } = frame;
        return expandPayload(bodyOf(frame), {
          event: (buffer, start, end) => this.#inner(buffer, start, end, nextOffset),
          whenWritable: this.#options.whenWritable ?? always,
        });
      }
      default:
        return this.#rare(type, frame);
    }
  }

  /** An event within a compressed transaction: without a checksum, and it ends where the whole transaction does. */
  #inner(buffer: Buffer, start: number, end: number, nextOffset: number): void {
    const type = buffer[start + 4] ?? 0;
    const frame = this.#aim(buffer, start, end, true);
    frame.nextOffset = nextOffset;
    if (this.#dispatch(type, frame) !== undefined)
      throw new RangeError('a compressed transaction within another one');
  }

  #rare(type: number, frame: EventFrame): undefined {
    requireIntact(frame);
    const { emit, flavour } = this.#options;
    const reader = bodyOf(frame);
    const header = { timestamp: timestampOf(frame), nextOffset: frame.nextOffset };
    switch (type) {
      case EVENT.QUERY:
      case EVENT.MARIADB_QUERY_COMPRESSED:
        emit({
          ...header,
          kind: 'statement',
          ...readStatement(reader, type === EVENT.MARIADB_QUERY_COMPRESSED),
        });
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
        // Table ids begin again with a restart of the server.
        this.#tables.clear();
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
      default:
        if (!isHarmless(type, frame.view.getUint16(frame.start + 17, true)))
          throw new RangeError('nothing is known of this type');
        emit({ ...header, kind: 'other' });
    }
  }

  #gtid(type: number, frame: EventFrame): void {
    requireIntact(frame);
    const { view, start, end, nextOffset } = frame;
    const body = start + HEADER_BYTES;
    const gtid = this.#gtids.gtid(view, body, end);
    this.#options.emit({
      kind: 'gtid',
      timestamp: timestampOf(frame),
      nextOffset,
      gtid: type === EVENT.GTID ? gtid : undefined,
      opens: 'by-statement',
      committedAt: this.#gtids.committedAt(view, body, end),
      prepares: undefined,
    });
  }

  #rows(format: RowsFormat, frame: EventFrame): void {
    requireIntact(frame);
    const { buffer, view, start, end, nextOffset } = frame;
    const body = start + HEADER_BYTES;
    if (body + 8 > end) throw new RangeError('it is too short');
    const target = this.#targetOf(readTableId(view, body));
    if (target === 'other') return;
    const timestamp = timestampOf(frame);
    if (target === 'own') {
      this.#options.emit({ kind: 'own-rows', timestamp, nextOffset });
      return;
    }
    const changes = target.decode(format, new ByteReader(buffer, body + 8, end, view));
    this.#options.emit({ kind: 'rows', timestamp, nextOffset, changes, bytes: end - start });
  }

  /**
   * A stream that begins inside a transaction has rows whose TABLE_MAP it never saw; they may be of any table,
   * so they must not pass as rows of another one.
   */
  #targetOf(tableId: number): Target {
    if (tableId === NO_TABLE_ID) return 'other';
    const target = this.#tables.get(tableId)?.target;
    if (target === undefined)
      throw new RangeError(
        'rows of a table that was not announced; does the position lie inside a transaction?',
      );
    return target;
  }

  #tableMap(frame: EventFrame): void {
    const { buffer, view, start, end } = frame;
    const body = start + HEADER_BYTES;
    if (body + 8 > end) throw new RangeError('truncated table map');
    const id = readTableId(view, body);
    const from = body + 6;
    const known = this.#tables.get(id)?.bytes;
    if (known?.byteLength === end - from && hasBytes(view, from, known)) return;
    requireIntact(frame);
    const reader = new ByteReader(buffer, body + 8, end, view);
    const { schema, table } = readTableNames(reader);
    // A copy: the buffer belongs to the connection.
    const bytes = viewOf(Buffer.from(buffer.subarray(from, end)));
    this.#tables.set(id, { bytes, target: this.#target(schema, table, reader) });
  }

  #target(schema: string, table: string, reader: ByteReader): Target {
    if (schema === this.#options.stateSchema) return 'own';
    const interest = this.#interests.get(formatTable({ schema, table }));
    if (interest === undefined) return 'other';
    const columns = readColumns(reader, this.#options.flavour);
    if (columns.some((column) => column.name === undefined)) {
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `the binlog was written without binlog_row_metadata = FULL for ${schema}.${table}: column names cannot be known`,
      );
    }
    return new RowDecoder(interest, columns, this.#options.charsets);
  }
}

function emptyFrame(): EventFrame {
  const buffer = Buffer.alloc(0);
  return { buffer, view: viewOf(buffer), start: 0, end: 0, nextOffset: 0, verified: true };
}

function bodyOf({ buffer, view, start, end }: EventFrame): ByteReader {
  return new ByteReader(buffer, start + HEADER_BYTES, end, view);
}

/** ms since the epoch. */
function timestampOf({ view, start }: EventFrame): number {
  return view.getUint32(start, true) * 1000;
}

function readTableId(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
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
