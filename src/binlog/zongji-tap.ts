import type ZongJi from '@vlasky/zongji';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { RawEvent } from './raw-event.ts';

/** The version of zongji whose internals this file was verified against. */
const VERIFIED_VERSION = '0.9.0';

interface BinaryPacket {
  readonly buffer: Buffer;
  /** Index of the packet's first payload byte: the marker, 0 for an event. */
  readonly offset: number;
  readonly end: number;
}

type PacketHandler = (this: object, packet: BinaryPacket, connection: object) => unknown;

interface ByteStream {
  on(event: 'data', listener: () => void): unknown;
  destroy(): void;
}

/**
 * The one seam at which zongji's internals are touched. Call it in zongji's `'ready'` event, before the dump
 * command is sent: from then on `handle` gets every binlog event first, and zongji parses only those for which it
 * returns false. Errors and the end of the stream stay zongji's.
 *
 * Returns the dump connection's byte stream, which outlives zongji's own references to it.
 * @throws UnstaleError when zongji does not have the expected inside.
 */
export function tapPackets(
  zongji: ZongJi,
  handle: (event: RawEvent) => boolean,
): { readonly stream: ByteStream } {
  const handlers = packetHandlers(zongji);
  const stream =
    zongji.connection !== null && 'stream' in zongji.connection ? zongji.connection.stream : undefined;
  if (handlers === undefined || !isByteStream(stream)) {
    throw new UnstaleError(
      'UNSTALE_INTERNAL',
      `the installed @vlasky/zongji has another inside than version ${VERIFIED_VERSION}, which unstale was verified with`,
    );
  }
  const parse = handlers.binlogData;
  handlers.binlogData = function tapped(packet, connection) {
    if (packet.buffer[packet.offset] === 0 && packet.end - packet.offset > 19) {
      const event = { buffer: packet.buffer, start: packet.offset + 1, end: packet.end };
      if (handle(event)) return handlers.binlogData;
    }
    return parse.call(this, packet, connection);
  };
  return { stream };
}

function packetHandlers(zongji: object): { binlogData: PacketHandler } | undefined {
  const command = 'BinlogClass' in zongji ? zongji.BinlogClass : undefined;
  const prototype: unknown = typeof command === 'function' ? command.prototype : undefined;
  return hasBinlogData(prototype) ? prototype : undefined;
}

function hasBinlogData(value: unknown): value is { binlogData: PacketHandler } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'binlogData' in value &&
    typeof value.binlogData === 'function'
  );
}

function isByteStream(value: unknown): value is ByteStream {
  return (
    typeof value === 'object' &&
    value !== null &&
    'on' in value &&
    typeof value.on === 'function' &&
    'destroy' in value &&
    typeof value.destroy === 'function'
  );
}
