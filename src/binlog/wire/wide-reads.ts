import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A socket for TLS to run on, which by itself reads 16 kB at a time from a socket; this one reads as much as `bytes`.
 * See READ_BYTES for what that is good for.
 */
export class WideReads extends Duplex {
  readonly #socket: Socket;

  constructor(connectWith: (onread: OnReadOpts) => Socket, bytes: number) {
    super({ readableHighWaterMark: bytes });
    this.#socket = connectWith({
      buffer: Buffer.allocUnsafeSlow(bytes),
      callback: (count, read) => {
        if (!this.push(Buffer.from(read.subarray(0, count)))) this.#socket.pause();
        return true;
      },
    });
    this.#socket.once('end', () => this.push(null));
    this.#socket.once('error', (error) => this.destroy(error));
    this.#socket.once('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
