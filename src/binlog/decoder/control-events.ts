import { inflateSync } from 'node:zlib';
import type { Gtid } from '../../change/source-event.ts';
import type { GroupKind } from '../binlog-event.ts';
import { ByteReader } from './byte-reader.ts';

/** Bodies of events that carry no rows. Every reader stands behind the event's header and ends before its checksum. */

/** A new file: offset of its first event, then its name up to the end. */
export function readRotate(reader: ByteReader): { readonly file: string; readonly offset: number } {
  const offset = readUint64(reader);
  return { file: reader.utf8(reader.end - reader.offset), offset };
}

/**
 * MariaDB puts an offset over 4 GiB in front of the name and 0 into the header.
 *
 * Source: MariaDB, sql/sql_repl.cc, send_heartbeat_event.
 */
export function readHeartbeat(
  reader: ByteReader,
  nextOffset: number,
  flavour: 'mysql' | 'mariadb',
): { readonly file: string; readonly offset: number } {
  const offset = flavour === 'mariadb' && nextOffset === 0 ? readUint64(reader) : nextOffset;
  return { file: reader.utf8(reader.end - reader.offset), offset };
}

const HEARTBEAT_FIELD = { FILE: 1, OFFSET: 2 } as const;

/** Heartbeat of the second version: fields of type, length and value. Source: MySQL, control_events.h, Heartbeat_event_v2. */
export function readHeartbeatV2(reader: ByteReader): { readonly file: string; readonly offset: number } {
  let file = '';
  let offset = 0;
  for (let field = reader.lengthEncoded(); field !== 0; field = reader.lengthEncoded()) {
    const length = reader.lengthEncoded();
    const next = reader.offset + length;
    if (field === HEARTBEAT_FIELD.FILE) file = reader.utf8(length);
    else if (field === HEARTBEAT_FIELD.OFFSET) offset = reader.lengthEncoded();
    else reader.skip(length);
    if (reader.offset !== next) throw new RangeError('a heartbeat field of another length');
  }
  return { file, offset };
}

/** What a GTID event says, whichever server wrote it. */
export interface GtidEvent {
  readonly gtid: Gtid;
  readonly opens: GroupKind;
  readonly committedAt: number | undefined;
  readonly prepares: string | undefined;
}

const SERIALIZATION_VERSION = 1;
/** Fields of a tagged GTID event up to this one are known; more may be required by a newer server. */
const LAST_KNOWN_FIELD = 12;
const TAGGED_FIELD = { FLAGS: 0, UUID: 1, NUMBER: 2, TAG: 3, COMMITTED: 6 } as const;
const MAX_TAG_BYTES = 32;

/**
 * A GTID with a tag (MySQL 8.3 and later): one message of fields, each with its number in front, absent ones left
 * out.
 *
 * Source: MySQL, libs/mysql/binlog/event/control_events.h, Gtid_event::define_fields; libs/mysql/serialization.
 */
export function readTaggedGtid(reader: ByteReader): GtidEvent {
  const start = reader.offset;
  if (readVarint(reader) !== SERIALIZATION_VERSION)
    throw new RangeError('an unknown version of the tagged GTID event');
  const end = start + readVarint(reader);
  if (end > reader.end) throw new RangeError('truncated tagged GTID event');
  reader.end = end;
  if (readVarint(reader) > LAST_KNOWN_FIELD + 1)
    throw new RangeError('a tagged GTID event with unknown fields');
  let source = '';
  let sequence = 0;
  let committedAt: number | undefined;
  while (reader.offset < end) {
    const field = readVarint(reader);
    switch (field) {
      case TAGGED_FIELD.UUID:
        source = formatUuid(Buffer.from(Array.from({ length: 16 }, () => readVarint(reader))));
        break;
      case TAGGED_FIELD.NUMBER:
        // Signed: the lowest bit is the sign.
        sequence = Math.floor(readVarint(reader) / 2);
        break;
      case TAGGED_FIELD.TAG: {
        const length = readVarint(reader);
        if (length > MAX_TAG_BYTES) throw new RangeError('a GTID tag of over 32 bytes');
        if (length > 0) source += `:${reader.utf8(length)}`;
        break;
      }
      case TAGGED_FIELD.COMMITTED:
        committedAt = readVarint(reader) / 1000;
        break;
      default:
        readVarint(reader);
    }
    if (field >= TAGGED_FIELD.COMMITTED) break;
  }
  if (source === '' || sequence < 1) throw new RangeError('a tagged GTID event without a GTID');
  return { gtid: { source, sequence }, opens: 'by-statement', committedAt, prepares: undefined };
}

const MARIADB_FLAG = { STANDALONE: 1, GROUP_COMMIT: 2, PREPARED_XA: 64, COMPLETED_XA: 128 } as const;

/** Sequence number 8, domain 4, flags 1, then what the flags announce. Source: MariaDB, sql/log_event.cc, Gtid_log_event. */
export function readMariadbGtid(reader: ByteReader, serverId: number): GtidEvent {
  const sequence = readUint64(reader);
  const domain = reader.uint(4);
  const flags = reader.byte();
  if ((flags & MARIADB_FLAG.GROUP_COMMIT) !== 0) reader.skip(8);
  const prepares = (flags & MARIADB_FLAG.PREPARED_XA) === 0 ? undefined : readXid(reader, 1);
  return {
    gtid: { source: `${domain}-${serverId}`, sequence },
    opens: (flags & MARIADB_FLAG.STANDALONE) === 0 ? 'transaction' : 'standalone',
    committedAt: undefined,
    prepares,
  };
}

/** Whether a phase is all there is, then the xid. Source: MySQL, control_events.h, XA_prepare_event. */
export function readXaPrepare(reader: ByteReader): { readonly onePhase: boolean; readonly xid: string } {
  const onePhase = reader.byte() !== 0;
  return { onePhase, xid: readXid(reader, 4) };
}

function readXid(reader: ByteReader, lengthBytes: number): string {
  const format = reader.uint(4);
  const gtrid = reader.uint(lengthBytes);
  const bqual = reader.uint(lengthBytes);
  return `${reader.bytes(gtrid).toString('hex')},${reader.bytes(bqual).toString('hex')},${format}`;
}

/**
 * The transactions before a file, in the server's own notation. Servers that know tags write the number of
 * entries between two bytes of the format's number, and a tag in each entry.
 *
 * Source: MySQL, sql/rpl_gtid_set.cc, Gtid_set::encode.
 */
export function readPreviousGtids(reader: ByteReader): string {
  const format = reader.buffer[reader.offset + 7] ?? 0;
  if (format > 1) throw new RangeError('an unknown format of the previous GTIDs');
  const tagged = format === 1;
  if (tagged) reader.skip(1);
  const entries = tagged ? reader.uint(6) : readUint64(reader);
  if (tagged) reader.skip(1);
  const blocks: string[] = [];
  let last = '';
  for (let entry = 0; entry < entries; entry += 1) {
    const uuid = formatUuid(reader.bytes(16));
    const tag = tagged ? reader.utf8(readVarint(reader)) : '';
    const intervals: string[] = [];
    for (let count = readUint64(reader); count > 0; count -= 1) {
      const first = readUint64(reader);
      const end = readUint64(reader);
      intervals.push(first === end - 1 ? String(first) : `${first}-${end - 1}`);
    }
    const text = `${tag === '' ? '' : `${tag}:`}${intervals.join(':')}`;
    if (uuid === last) blocks[blocks.length - 1] += `:${text}`;
    else blocks.push(`${uuid}:${text}`);
    last = uuid;
  }
  return blocks.join(',');
}

/** MariaDB's position at the beginning of a file; of a domain's entries the last is the newest. */
export function readMariadbGtidList(reader: ByteReader): string {
  const newest = new Map<number, string>();
  for (let count = reader.uint(4) & 0x0fff_ffff; count > 0; count -= 1) {
    const domain = reader.uint(4);
    const server = reader.uint(4);
    newest.set(domain, `${domain}-${server}-${readUint64(reader)}`);
  }
  return [...newest.values()].join(',');
}

/** A statement with the default schema of its session. */
export interface StatementText {
  readonly schema: string;
  readonly text: string;
}

/** Thread 4, time 4, schema length 1, error 2, status length 2; then status, schema, NUL and the text. */
export function readStatement(reader: ByteReader, compressed: boolean): StatementText {
  reader.skip(8);
  const schemaBytes = reader.byte();
  reader.skip(2);
  reader.skip(reader.uint(2));
  const schema = reader.utf8(schemaBytes);
  reader.skip(1);
  const rest = compressed ? inflate(reader) : reader;
  return { schema, text: rest.utf8(rest.end - rest.offset) };
}

/** A MySQL UUID in its usual text form. */
export function formatUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Largest event that is inflated: a statement or rows of more than this are no longer bounded memory, bytes. */
const MAX_INFLATED_BYTES = 1024 ** 3;

/**
 * MariaDB's log_bin_compress: a header byte whose low three bits say how many bytes hold the original length
 * (big-endian), then a zlib stream.
 *
 * Source: MariaDB, sql/log_event.cc, binlog_buf_uncompress.
 */
export function inflate(reader: ByteReader): ByteReader {
  const header = reader.byte();
  if ((header & 0xf0) !== 0x80) throw new RangeError('unknown compression of an event');
  reader.skip(header & 7);
  const inflated = inflateSync(reader.bytes(reader.end - reader.offset), {
    maxOutputLength: MAX_INFLATED_BYTES,
  });
  return new ByteReader(inflated, 0, inflated.length);
}

/** An unsigned integer of 8 bytes that JavaScript can count with. @throws RangeError beyond 2^53 */
function readUint64(reader: ByteReader): number {
  const low = reader.uint(4);
  const high = reader.uint(4);
  if (high > 0x1f_ffff) throw new RangeError('a number beyond 2^53');
  return high * 2 ** 32 + low;
}

/**
 * A variable-length integer of MySQL's serialization library: the first byte's trailing ones count the bytes that
 * follow.
 *
 * Source: MySQL, libs/mysql/serialization/variable_length_integers.h.
 */
function readVarint(reader: ByteReader): number {
  const first = reader.byte();
  let more = 0;
  while (more < 8 && ((first >> more) & 1) === 1) more += 1;
  if (more === 8) return readUint64(reader);
  let value = first >> (more + 1);
  let scale = 2 ** (7 - more);
  for (let index = 0; index < more; index += 1) {
    value += reader.byte() * scale;
    scale *= 256;
  }
  if (!Number.isSafeInteger(value)) throw new RangeError('a number beyond 2^53');
  return value;
}
