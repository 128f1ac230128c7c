/** One binlog event as it lies in a packet. `start` is the index of its header's first byte. */
export interface RawEvent {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** How an event is to be treated that the own decoder does not handle. */
export type EventClass = 'readable' | 'compressed-transaction' | 'blind' | 'unknown';

const EXECUTE_LOAD_QUERY = 18;
const INCIDENT = 26;
const TRANSACTION_PAYLOAD = 40;

/** Types that zongji reads, or that change no row and may be passed over (MySQL, and MariaDB's from 160). */
const READABLE: ReadonlySet<number> = new Set([
  2, 3, 4, 5, 9, 13, 14, 15, 16, 17, 19, 27, 28, 29, 33, 34, 35, 36, 37, 38, 41, 42, 160, 161, 162, 163, 164,
  165,
]);

/** LOG_EVENT_IGNORABLE_F: a reader that does not know the type may pass it over. */
const FLAG_IGNORABLE = 0x80;

export function eventType(event: RawEvent): number {
  return event.buffer[event.start + 4] ?? 0;
}

/** Statement-format LOAD DATA and the server's word that events were lost (INCIDENT) leave us blind. */
export function classifyEvent(event: RawEvent): EventClass {
  const type = eventType(event);
  if (READABLE.has(type)) return 'readable';
  if (type === EXECUTE_LOAD_QUERY || type === INCIDENT) return 'blind';
  if (type === TRANSACTION_PAYLOAD) return 'compressed-transaction';
  const flags = event.buffer.readUInt16LE(event.start + 17);
  return (flags & FLAG_IGNORABLE) === 0 ? 'unknown' : 'readable';
}
