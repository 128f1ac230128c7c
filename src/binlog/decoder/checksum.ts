import { viewOf } from './byte-reader.ts';
import { crc32 } from './crc32.ts';
import { CRC32_BYTES, HEADER_BYTES } from './event-type.ts';

const ALGORITHM = { NONE: 0, CRC32: 1 } as const;
const BINLOG_VERSION = 4;
/** Behind the binlog's version 2, the server's version 50 and a time 4. */
const HEADER_BYTES_AT = 56;

/**
 * Bytes of the checksum behind each event of a file, from its format description, which itself has one whatever the
 * setting. The algorithm's number stands in front of that checksum. Damage must not switch checksums off: what is
 * taken for a format description has to look like one, and to be intact, unless the server made it for a stream that
 * begins inside a file: without checksums it leaves that one's as it was in the file (seen on MySQL 9.7, MariaDB 10.11).
 *
 * Source: MySQL, libs/mysql/binlog/event/control_events.h, Format_description_event.
 * @throws RangeError for an algorithm that is not known, and for a damaged event
 */
export function checksumBytesOf(buffer: Buffer, start: number, end: number): number {
  const body = start + HEADER_BYTES;
  const at = end - CRC32_BYTES - 1;
  if (
    at <= body + HEADER_BYTES_AT ||
    buffer.readUInt16LE(body) !== BINLOG_VERSION ||
    buffer[body + HEADER_BYTES_AT] !== HEADER_BYTES
  )
    throw new RangeError('it does not describe binlog version 4');
  const algorithm = buffer[at];
  if (algorithm === ALGORITHM.CRC32) return CRC32_BYTES;
  if (algorithm === ALGORITHM.NONE) {
    const isArtificial = buffer.readUInt32LE(start + 13) === 0;
    const own = end - CRC32_BYTES;
    if (!isArtificial && crc32(viewOf(buffer), start, own) !== buffer.readUInt32LE(own))
      throw new RangeError('its checksum is wrong');
    return 0;
  }
  throw new RangeError(`unknown checksum algorithm ${String(algorithm)}`);
}
