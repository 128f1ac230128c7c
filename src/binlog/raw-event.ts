/** Binlog event type codes (MySQL `Log_event_type`, MariaDB's own from 160). */
export const EVENT_TYPE = {
  EXECUTE_LOAD_QUERY: 18,
  INCIDENT: 26,
  GTID: 33,
  PARTIAL_UPDATE_ROWS: 39,
  TRANSACTION_PAYLOAD: 40,
} as const;

/** Types that zongji reads, or that change no row and may be passed over. */
const KNOWN: ReadonlySet<number> = new Set([
  2, 3, 4, 5, 13, 14, 15, 16, 17, 9, 19, 23, 24, 25, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 41, 42,
  160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171,
]);

/** LOG_EVENT_IGNORABLE_F: a reader that does not know the type may pass it over. */
const FLAG_IGNORABLE = 0x80;

const HEADER_LENGTH = 19;

/** The header fields of one binlog event, read in place. `start` is the index of the header's first byte. */
export interface RawEvent {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

export function eventType(event: RawEvent): number {
  return event.buffer[event.start + 4] ?? 0;
}

/** Whether the event may hold changes that nothing here can read. */
export function isUnknownEvent(event: RawEvent): boolean {
  const type = eventType(event);
  if (KNOWN.has(type)) return false;
  const flags = event.buffer.readUInt16LE(event.start + 17);
  return (flags & FLAG_IGNORABLE) === 0;
}

/** The table id of a rows event. */
export function rowsTableId(event: RawEvent): number {
  return event.buffer.readUIntLE(event.start + HEADER_LENGTH, 6);
}

/**
 * `immediate_commit_timestamp` of MySQL's GTID event (8.0.1 and later), in ms since the epoch: flags 1, sid
 * 16, gno 8, logical clock type 1, last_committed 8, sequence_number 8, then 7 bytes of microseconds whose
 * highest bit says that an original timestamp follows. Undefined where an older server leaves it out.
 *
 * Source: MySQL, libs/mysql/binlog/event/control_events.h, Gtid_event.
 */
export function commitTimestamp(event: RawEvent): number | undefined {
  const at = event.start + HEADER_LENGTH + 42;
  if (at + 7 > event.end) return undefined;
  const high = event.buffer[at + 6] ?? 0;
  return (event.buffer.readUIntLE(at, 6) + (high & 0x7f) * 2 ** 48) / 1000;
}
