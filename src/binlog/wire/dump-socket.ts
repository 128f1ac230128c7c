import { connect, Socket } from 'node:net';
import type { OnReadOpts } from 'node:net';
import type { ConnectionOptions } from 'mysql2';
import type { ByteSink } from './byte-sink.ts';
import { READ_BYTES } from './packet-framer.ts';
import { WideReads } from './wide-reads.ts';

/** For logging in and a few short answers, bytes. */
const FIRST_BUFFER = 16 * 1024;

/** Those that are not encrypted. */
const plainSockets = new WeakMap<object, DumpSocket>();

/** Opens a socket that reads into the buffer that `onread` names. */
type OpenSocket = (onread: OnReadOpts) => Socket;

/**
 * The same options, with sockets that read much at a time. Where the options have a `stream`, it is called with
 * `{ onread }`, for Node's option of that name.
 */
export function withDumpSockets(options: ConnectionOptions): ConnectionOptions {
  const open = opener(options);
  return {
    ...options,
    stream: () => (options.ssl === undefined ? new DumpSocket(open).socket : new WideReads(open, READ_BYTES)),
  };
}

/** From its next read on, the bytes of a connection are written into `sink`'s memory, if they are not encrypted. */
export function divertBytes(stream: object, sink: ByteSink): void {
  plainSockets.get(stream)?.receive(sink);
}

/**
 * A socket on which a driver logs in, and that later writes what it receives into somebody's memory: with a buffer of
 * its own for each read, as sockets have it otherwise, reading a binlog takes half as long again.
 */
class DumpSocket {
  readonly socket: Socket;
  #sink: ByteSink | undefined;

  constructor(open: OpenSocket) {
    const first = Buffer.allocUnsafeSlow(FIRST_BUFFER);
    this.socket = open({
      buffer: () => this.#sink?.room ?? first,
      callback: (count, read) => {
        if (read === this.#sink?.room) {
          this.#sink.wrote(count);
          return true;
        }
        // Who gets it may keep it.
        const bytes = Buffer.from(read.subarray(0, count));
        if (this.#sink === undefined) this.socket.emit('data', bytes);
        else this.#sink.push(bytes);
        return true;
      },
    });
    plainSockets.set(this.socket, this);
  }

  receive(sink: ByteSink): void {
    this.#sink = sink;
  }
}

function opener({ stream, host = 'localhost', port = 3306 }: ConnectionOptions): OpenSocket {
  if (typeof stream !== 'function') return (onread) => connect({ host, port, onread, noDelay: true });
  return (onread) => {
    const socket: unknown = stream({ onread });
    if (socket instanceof Socket) return socket;
    throw new TypeError('a stream that is no socket');
  };
}
