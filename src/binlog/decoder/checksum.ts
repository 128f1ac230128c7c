import { crc32 } from 'node:zlib';
import { CRC32_BYTES, HEADER_BYTES } from './event-type.ts';

const ALGORITHM = { NONE: 0, CRC32: 1 } as const;

/**
 * Bytes of the checksum behind each event of a file, from its format description, which itself has one whatever the
 * setting. The algorithm's number stands in front of that checksum.
 *
 * Source: MySQL, libs/mysql/binlog/event/control_events.h, Format_description_event.
 * @throws RangeError for an algorithm that is not known
 */
export function checksumBytesOf(buffer: Buffer, start: number, end: number): number {
  const at = end - CRC32_BYTES - 1;
  const algorithm = at < start + HEADER_BYTES ? undefined : buffer[at];
  if (algorithm === ALGORITHM.CRC32) return CRC32_BYTES;
  if (algorithm === ALGORITHM.NONE) return 0;
  throw new RangeError(`unknown checksum algorithm ${algorithm ?? ''}`);
}

/**
 * @param checksumBytes 4 or 0, for a file without checksums
 * @throws RangeError for an event that is shorter than its header or whose checksum is wrong
 */
export function requireIntact(buffer: Buffer, start: number, end: number, checksumBytes: number): void {
  if (end - start < HEADER_BYTES + checksumBytes) throw new RangeError('it is too short');
  if (checksumBytes === 0) return;
  const body = end - checksumBytes;
  if (crc32(buffer.subarray(start, body)) !== buffer.readUInt32LE(body))
    throw new RangeError('its checksum is wrong: it was damaged on the server or on the way');
}
