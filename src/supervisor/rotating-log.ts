import { open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { MOST_WAITING, noticeOf } from './line-sink.ts';
import type { LineSink } from './line-sink.ts';

export interface RotatingLogOptions {
  readonly file: string;
  /** A file grows to about this size before the next is begun, bytes. */
  readonly maxSize: number;
  /** Older files that are kept: `FILE.1` is the youngest. 0 keeps none. */
  readonly keep: number;
  /** Told once when lines begin to be lost, and once when they no longer are. */
  readonly onTrouble?: (trouble: LogTrouble) => void;
  /** After something could not be written nothing is tried for so long, ms. */
  readonly retryAfter?: number;
}

export type LogTrouble =
  | { readonly kind: 'lost'; readonly file: string; readonly error: unknown }
  | { readonly kind: 'mended'; readonly file: string; readonly lines: number }
  | { readonly kind: 'not rotated'; readonly file: string; readonly error: unknown };

const RETRY_AFTER = 1000;
/** Written at once, characters. */
const CHUNK = 65_536;

/**
 * Lines in a file that is replaced when it has grown, with the files before under `FILE.1`, `FILE.2`, …
 *
 * It is written for a daemon that must go on whatever the disk does: it holds a bounded number of lines, drops the ones that
 * the disk does not take, and says how many once it takes them again. (Libraries that rotate keep the lines, or throw.)
 */
export class RotatingLog implements LineSink {
  readonly #options: RotatingLogOptions;
  #waiting: string[] = [];
  #waitingSize = 0;
  /** Lines since they began to be lost. */
  #lost = 0;
  #handle: FileHandle | undefined;
  #size = 0;
  /** A write that failed in the middle of a line. */
  #torn = false;
  #retryAt = 0;
  #rotateAt = 0;
  #reopens = false;
  #work: Promise<void> | undefined;

  constructor(options: RotatingLogOptions) {
    this.#options = options;
  }

  write(line: string): void {
    if (this.#waitingSize + line.length > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingSize += line.length + 1;
    this.#start();
  }

  reopen(): void {
    this.#reopens = true;
    this.#retryAt = 0;
    this.#rotateAt = 0;
    this.#start();
  }

  async close(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
    await this.#closeFile();
  }

  #start(): void {
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
      if (this.#waiting.length > 0 || this.#reopens) this.#start();
    });
  }

  async #run(): Promise<void> {
    if (this.#reopens) {
      this.#reopens = false;
      await this.#closeFile();
    }
    while (this.#waiting.length > 0 && !this.#reopens) {
      const lines = this.#take();
      if (performance.now() < this.#retryAt) {
        this.#lost += lines.length;
        continue;
      }
      try {
        await this.#put(lines);
      } catch (error) {
        if (this.#lost === 0) this.#options.onTrouble?.({ kind: 'lost', file: this.#options.file, error });
        this.#lost += lines.length;
        this.#retryAt = performance.now() + (this.#options.retryAfter ?? RETRY_AFTER);
        await this.#closeFile();
      }
    }
  }

  /** Some of what waits, in whole lines. */
  #take(): readonly string[] {
    let size = 0;
    let count = 0;
    const most = Math.min(CHUNK, this.#options.maxSize);
    for (const { length } of this.#waiting) {
      if (count > 0 && size + length + 1 > most) break;
      size += length + 1;
      count += 1;
    }
    this.#waitingSize -= size;
    return this.#waiting.splice(0, count);
  }

  /** @throws Error of the file system */
  async #put(lines: readonly string[]): Promise<void> {
    const { file } = this.#options;
    const lost = this.#lost;
    const notice =
      lost === 0
        ? []
        : [noticeOf({ lines: lost }, `${lost} lines before this one could not be written and are lost`)];
    const text = `${this.#torn ? '\n' : ''}${[...notice, ...lines].map((line) => `${line}\n`).join('')}`;
    const bytes = Buffer.from(text);
    if (this.#handle !== undefined && this.#size > 0 && this.#size + bytes.length > this.#options.maxSize)
      await this.#rotate();
    const handle = (this.#handle ??= await this.#open());
    await this.#writeAll(handle, bytes);
    this.#torn = false;
    if (lost === 0) return;
    this.#lost -= lost;
    this.#options.onTrouble?.({ kind: 'mended', file, lines: lost });
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#options.file, 'a', 0o600);
    this.#size = (await handle.stat()).size;
    return handle;
  }

  async #writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await handle.write(bytes, done);
      done += bytesWritten;
      this.#size += bytesWritten;
      this.#torn = done < bytes.length && bytes[done - 1] !== 10;
    }
  }

  async #rotate(): Promise<void> {
    if (performance.now() < this.#rotateAt) return;
    const { file, keep } = this.#options;
    try {
      if (keep === 0) await unlink(file);
      for (let number = keep; number >= 1; number -= 1)
        await rename(number === 1 ? file : `${file}.${number - 1}`, `${file}.${number}`).catch(ignoreMissing);
    } catch (error) {
      // A large file is better than none.
      this.#rotateAt = performance.now() + 60_000;
      this.#options.onTrouble?.({ kind: 'not rotated', file, error });
      return;
    }
    await this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
