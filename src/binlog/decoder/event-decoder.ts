import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import { ByteReader } from './byte-reader.ts';
import { RowDecoder } from './row-decoder.ts';
import type { RowsKind } from './row-decoder.ts';
import { readColumns, readTableNames } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';

export interface EventDecoderOptions {
  readonly flavour: 'mysql' | 'mariadb';
  readonly interests: readonly TableInterest[];
  /** Schema of unstale's state tables when they are on this server. */
  readonly stateSchema: string | undefined;
  readonly charsets: CollationCharsets;
  /** Bytes of the checksum at the end of each event: 4 for CRC32, 0 for none. */
  readonly checksumBytes: number;
  readonly emit: (event: BinlogEvent) => void;
}

/** What a table id stands for: a mapped table, unstale's own state, or nothing of interest. */
type Target = RowDecoder | 'own' | 'other';

interface KnownTable {
  /** The TABLE_MAP event's body, to recognise its like without parsing it. */
  readonly bytes: Buffer;
  readonly target: Target;
}

const TYPE = {
  QUERY: 2,
  XID: 16,
  TABLE_MAP: 19,
  GTID: 33,
  PARTIAL_UPDATE_ROWS: 39,
  MARIADB_GTID: 162,
} as const;

/** Rows events by type code: version 1 (old servers), version 2, and MariaDB's compressed ones. */
const ROWS: ReadonlyMap<
  number,
  { readonly kind: RowsKind; readonly v2: boolean; readonly compressed: boolean }
> = new Map([
  [23, { kind: 'insert', v2: false, compressed: false }],
  [24, { kind: 'update', v2: false, compressed: false }],
  [25, { kind: 'delete', v2: false, compressed: false }],
  [30, { kind: 'insert', v2: true, compressed: false }],
  [31, { kind: 'update', v2: true, compressed: false }],
  [32, { kind: 'delete', v2: true, compressed: false }],
  [166, { kind: 'insert', v2: false, compressed: true }],
  [167, { kind: 'update', v2: false, compressed: true }],
  [168, { kind: 'delete', v2: false, compressed: true }],
  [169, { kind: 'insert', v2: true, compressed: true }],
  [170, { kind: 'update', v2: true, compressed: true }],
  [171, { kind: 'delete', v2: true, compressed: true }],
]);

const HEADER_BYTES = 19;
/** Tables that are remembered between transactions; each ALTER TABLE gives a table a new id. */
const MAX_KNOWN_TABLES = 512;
const FLAG_STANDALONE = 0x01;
/** Ends a statement without rows. */
const NO_TABLE_ID = 0xff_ffff;

/**
 * Decodes the events that make up nearly all of a binlog, in place and only as far as they are needed: GTID,
 * BEGIN and other statements, TABLE_MAP, rows, XID. What it leaves alone is rare, and zongji reads it.
 *
 * Measured against zongji's own decoding: see docs/benchmarks.md.
 */
export class EventDecoder {
  readonly #options: EventDecoderOptions;
  readonly #interests = new Map<string, TableInterest>();
  readonly #tables = new Map<number, KnownTable>();
  #uuidBytes: Buffer = Buffer.alloc(0);
  #uuid = '';

  constructor(options: EventDecoderOptions) {
    this.#options = options;
    for (const interest of options.interests) this.#interests.set(formatTable(interest.table), interest);
  }

  /**
   * Decodes the event whose header begins at `start`. Returns false for a type that is not handled here.
   * @throws UnstaleError UNSTALE_EVENT_UNDECODABLE for an event of a mapped table that cannot be read
   */
  decode(buffer: Buffer, start: number, end: number): boolean {
    const type = buffer[start + 4] ?? 0;
    try {
      return this.#dispatch(type, buffer, start, end - this.#options.checksumBytes);
    } catch (error) {
      if (error instanceof UnstaleError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `a binlog event of type ${type} cannot be read: ${reason}`,
        {
          cause: error,
        },
      );
    }
  }

  #dispatch(type: number, buffer: Buffer, start: number, end: number): boolean {
    const body = start + HEADER_BYTES;
    const rows = ROWS.get(type);
    if (rows !== undefined) {
      const target = this.#targetOf(buffer.readUIntLE(body, 6));
      if (target === 'other') return true;
      const header = readHeader(buffer, start);
      if (target === 'own') {
        this.#options.emit({ ...header, kind: 'own-rows' });
        return true;
      }
      const reader = new ByteReader(buffer, body + 8, end);
      // Version 2 has room for extra data; its length counts itself.
      if (rows.v2) reader.skip(reader.uint(2) - 2);
      const changes = target.decode(rows.kind, reader, rows.compressed);
      this.#options.emit({ ...header, kind: 'rows', changes, bytes: end - start });
      return true;
    }
    switch (type) {
      case TYPE.TABLE_MAP:
        this.#tableMap(buffer, body, end);
        return true;
      case TYPE.GTID:
        this.#gtid(buffer, start, end);
        return true;
      case TYPE.MARIADB_GTID:
        this.#mariadbGtid(buffer, start, end);
        return true;
      case TYPE.XID:
        if (this.#tables.size > MAX_KNOWN_TABLES) this.#tables.clear();
        this.#options.emit({ ...readHeader(buffer, start), kind: 'commit' });
        return true;
      case TYPE.QUERY:
        this.#query(buffer, start, end);
        return true;
      case TYPE.PARTIAL_UPDATE_ROWS: {
        if (this.#targetOf(buffer.readUIntLE(body, 6)) === 'other') return true;
        throw new UnstaleError(
          'UNSTALE_EVENT_UNDECODABLE',
          'the binlog holds a partial JSON update of a mapped table (binlog_row_value_options = PARTIAL_JSON), which cannot be read yet',
        );
      }
      default:
        return false;
    }
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

  #tableMap(buffer: Buffer, body: number, end: number): void {
    const id = buffer.readUIntLE(body, 6);
    const bytes = buffer.subarray(body + 6, end);
    if (this.#tables.get(id)?.bytes.equals(bytes)) return;
    const reader = new ByteReader(buffer, body + 8, end);
    const { schema, table } = readTableNames(reader);
    // A copy: the buffer belongs to the connection.
    this.#tables.set(id, { bytes: Buffer.from(bytes), target: this.#target(schema, table, reader) });
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

  /**
   * Flags 1, source UUID 16, number 8, logical clock 1 + 8 + 8, then 7 bytes of commit time in microseconds whose
   * highest bit says that an original time follows; servers before 8.0.1 leave the times out.
   *
   * Source: MySQL, libs/mysql/binlog/event/control_events.h, Gtid_event.
   */
  #gtid(buffer: Buffer, start: number, end: number): void {
    const body = start + HEADER_BYTES;
    const uuid = buffer.subarray(body + 1, body + 17);
    if (!uuid.equals(this.#uuidBytes)) {
      this.#uuidBytes = Buffer.from(uuid);
      this.#uuid = uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    }
    const number = buffer.readUInt32LE(body + 17) + buffer.readUInt32LE(body + 21) * 2 ** 32;
    const at = body + 42;
    const committedAt =
      at + 7 > end ? undefined : (buffer.readUIntLE(at, 6) + ((buffer[at + 6] ?? 0) & 0x7f) * 2 ** 48) / 1000;
    this.#options.emit({
      ...readHeader(buffer, start),
      kind: 'gtid',
      gtid: `${this.#uuid}:${number}`,
      opens: 'by-statement',
      committedAt,
    });
  }

  /** Sequence number 8, domain 4, flags 1; the server id is the header's. Source: MariaDB, Gtid_log_event. */
  #mariadbGtid(buffer: Buffer, start: number, end: number): void {
    const body = start + HEADER_BYTES;
    if (body + 13 > end) throw new RangeError('truncated GTID event');
    const domain = buffer.readUInt32LE(body + 8);
    const serverId = buffer.readUInt32LE(start + 5);
    const standalone = ((buffer[body + 12] ?? 0) & FLAG_STANDALONE) !== 0;
    this.#options.emit({
      ...readHeader(buffer, start),
      kind: 'gtid',
      gtid: `${domain}-${serverId}-${buffer.readBigUInt64LE(body)}`,
      opens: standalone ? 'standalone' : 'transaction',
      committedAt: undefined,
    });
  }

  /** Thread 4, time 4, schema length 1, error 2, status length 2; then status, schema, NUL and the text. */
  #query(buffer: Buffer, start: number, end: number): void {
    const reader = new ByteReader(buffer, start + HEADER_BYTES + 8, end);
    const schemaBytes = reader.byte();
    reader.skip(2);
    reader.skip(reader.uint(2));
    const schema = reader.utf8(schemaBytes);
    reader.skip(1);
    const text = reader.utf8(end - reader.offset);
    this.#options.emit({ ...readHeader(buffer, start), kind: 'statement', schema, text });
  }
}

function readHeader(
  buffer: Buffer,
  start: number,
): { readonly timestamp: number; readonly nextOffset: number } {
  return { timestamp: buffer.readUInt32LE(start) * 1000, nextOffset: buffer.readUInt32LE(start + 13) };
}
