import type ZongJi from '@vlasky/zongji';
import { UnstaleError } from '../errors/unstale-error.ts';

/** The version of zongji whose internals this file was verified against. */
const VERIFIED_VERSION = '0.9.0';

/** Of a packet's header. */
const SEQUENCE_AT = 3;

/** A connection's socket, as far as it is used here. */
export interface ByteStream {
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
}

/** mysql2's, which splits the bytes of a connection into packets. */
interface PacketParser {
  execute(bytes: Buffer): unknown;
}

/** What is used of a mysql2 connection's inside. */
interface DumpConnection {
  readonly stream: ByteStream;
  readonly sequenceId: number;
  packetParser: PacketParser;
}

type Start = (this: object, packet: unknown, connection: object) => unknown;

export interface Tap {
  /** The byte stream of the dump's connection, which outlives zongji's own references to it. */
  readonly stream: ByteStream;
  /** Hands a packet to zongji, for the errors and the end of a dump. */
  giveBack(packet: Buffer): void;
}

/**
 * The one seam at which zongji's and mysql2's internals are touched. Call it in zongji's `'ready'` event: `onDump`
 * comes when the dump command is sent, and from then on `onBytes` gets what the connection receives, nothing of which
 * zongji parses.
 * @throws UnstaleError when zongji does not have the expected inside.
 */
export function tapDump(zongji: ZongJi, onDump: () => void, onBytes: (bytes: Buffer) => void): Tap {
  const command = dumpCommand(zongji);
  const { connection } = zongji;
  if (command === undefined || !isDumpConnection(connection)) {
    throw new UnstaleError(
      'UNSTALE_INTERNAL',
      `the installed @vlasky/zongji has another inside than version ${VERIFIED_VERSION}, which unstale was verified with`,
    );
  }
  const parser = connection.packetParser;
  const { start } = command;
  command.start = function tapped(packet, owner): unknown {
    const next = start.call(this, packet, owner);
    connection.packetParser = { execute: onBytes };
    onDump();
    return next;
  };
  return {
    stream: connection.stream,
    giveBack: (packet) => {
      // It counts the packets, and saw none of the events.
      const counted = Buffer.from(packet);
      counted[SEQUENCE_AT] = connection.sequenceId;
      parser.execute(counted);
    },
  };
}

function dumpCommand(zongji: object): { start: Start } | undefined {
  const command = 'BinlogClass' in zongji ? zongji.BinlogClass : undefined;
  const prototype: unknown = typeof command === 'function' ? command.prototype : undefined;
  return hasStart(prototype) ? prototype : undefined;
}

function hasStart(value: unknown): value is { start: Start } {
  return isObject(value) && 'start' in value && typeof value.start === 'function';
}

function isDumpConnection(value: unknown): value is DumpConnection {
  return (
    isObject(value) &&
    'sequenceId' in value &&
    typeof value.sequenceId === 'number' &&
    'packetParser' in value &&
    isObject(value.packetParser) &&
    'execute' in value.packetParser &&
    typeof value.packetParser.execute === 'function' &&
    'stream' in value &&
    isByteStream(value.stream)
  );
}

function isByteStream(value: unknown): value is ByteStream {
  return (
    isObject(value) &&
    'pause' in value &&
    typeof value.pause === 'function' &&
    'resume' in value &&
    typeof value.resume === 'function' &&
    'destroy' in value &&
    typeof value.destroy === 'function'
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
