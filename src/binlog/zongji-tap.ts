import type ZongJi from '@vlasky/zongji';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { RawEvent } from './raw-event.ts';

/** The version of zongji whose internals this file was verified against. */
const VERIFIED_VERSION = '0.9.0';

/** The first byte of a packet that holds an event, not an error or the end. */
const EVENT_MARKER = 0;

interface BinaryPacket {
  readonly buffer: Buffer;
  /** Index of the packet's first payload byte: the marker, 0 for an event. */
  readonly offset: number;
  readonly end: number;
}

type PacketHandler = (this: object, packet: BinaryPacket, connection: object) => unknown;

/** A connection's socket, as far as it is used here. */
export interface ByteStream {
  on(event: 'data', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/**
 * The one seam at which zongji's internals are touched. Call it in zongji's `'ready'` event, before the dump
 * command is sent: from then on `handle` gets every binlog event, and zongji parses none. Errors and the end of the
 * stream stay zongji's.
 *
 * Returns the dump connection's byte stream, which outlives zongji's own references to it.
 * @throws UnstaleError when zongji does not have the expected inside.
 */
export function tapPackets(zongji: ZongJi, handle: (event: RawEvent) => void): ByteStream {
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
  handlers.binlogData = function tapped(packet, connection): unknown {
    if (packet.buffer[packet.offset] !== EVENT_MARKER) return parse.call(this, packet, connection);
    handle({ buffer: packet.buffer, start: packet.offset + 1, end: packet.end });
    return tapped;
  };
  return stream;
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
    'pause' in value &&
    typeof value.pause === 'function' &&
    'resume' in value &&
    typeof value.resume === 'function' &&
    'destroy' in value &&
    typeof value.destroy === 'function'
  );
}
