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
