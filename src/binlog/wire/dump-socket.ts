import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'mysql2';
import type { ByteSink } from './byte-sink.ts';

/** For logging in and a few short answers, bytes. */
const FIRST_BUFFER = 16 * 1024;
const KEEP_ALIVE_DELAY = 30_000;

/** Sockets of dumps that were not encrypted. */
const sockets = new WeakMap<object, DumpSocket>();

/**
 * A socket that a driver logs in on, and that from some moment on writes what it receives into a sink's memory: a
 * buffer of its own for each read, as sockets make it otherwise, takes a third of the time of reading a binlog.
 */
export class DumpSocket {
  readonly socket: Socket;
  #sink: ByteSink | undefined;

  constructor({ host = 'localhost', port = 3306, socketPath }: ConnectionOptions) {
    const first = Buffer.allocUnsafeSlow(FIRST_BUFFER);
    const onread = {
      buffer: () => this.#sink?.room ?? first,
      callback: (count: number, read: Uint8Array): boolean => {
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
    };
    this.socket =
      socketPath === undefined
        ? connect({
            host,
            port,
            onread,
            noDelay: true,
            keepAlive: true,
            keepAliveInitialDelay: KEEP_ALIVE_DELAY,
          })
        : connect({ path: socketPath, onread });
    sockets.set(this.socket, this);
  }

  /** From the next read on the bytes go to `sink`, not to those who listen to the socket. */
  receive(sink: ByteSink): void {
    this.#sink = sink;
  }
}

/** The same options, with sockets of this kind where the connection is not encrypted. */
export function withDumpSocket(options: ConnectionOptions): ConnectionOptions {
  return options.ssl === undefined ? { ...options, stream: () => new DumpSocket(options).socket } : options;
}

/** The DumpSocket that this byte stream belongs to. */
export function dumpSocketOf(stream: object): DumpSocket | undefined {
  return sockets.get(stream);
}
