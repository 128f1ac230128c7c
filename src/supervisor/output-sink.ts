import type { Writable } from 'node:stream';
import { MOST_WAITING, noticeOf } from './line-sink.ts';
import type { LineSink } from './line-sink.ts';

/** Standard output for the lines of all daemons. If nobody reads it, lines are dropped rather than that a daemon waits. */
export class OutputSink implements LineSink {
  readonly #stream: Writable;
  #lost = 0;
  #closed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Whoever read it is gone; the daemons are not there for the reader's sake.
    stream.on('error', () => {
      this.#closed = true;
    });
  }

  write(line: string): void {
    if (this.#closed) return;
    if (this.#stream.writableLength + line.length > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      this.#stream.write(
        `${noticeOf({ lines: lost }, `${lost} lines before this one were not read and are lost`)}\n`,
      );
    }
    this.#stream.write(`${line}\n`);
  }

  reopen(): void {
    // There is no file.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
