import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { LineSplitter } from './line-splitter.ts';
import { sleep } from '../runtime/sleep.ts';

/** Read at once, bytes. */
const CHUNK = 65_536;
/** How often a followed file is looked at, ms. */
const INTERVAL = 250;
/** A rotated file is looked for up to this number. */
const MOST_ROTATED = 999;

/** A log from some of its last lines on. */
export interface OpenLog {
  /** The last lines that there were when it was opened, oldest first. */
  readonly lines: readonly string[];
  /** Gives every line behind them until the signal aborts, over rotations, and from the time on when the file is there. */
  follow(onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a log at its present end, with so many lines before it at most, also from its rotated files.
 * @throws Error of the system, when a file cannot be read; one that is missing has no lines
 */
export async function openLog(file: string, count: number): Promise<OpenLog> {
  const reader = new LogReader(file);
  const lines = await reader.toEnd(count);
  return {
    lines,
    follow: async (onLine, signal) => {
      while (!signal.aborted) {
        await reader.read(onLine);
        await sleep(INTERVAL, signal);
      }
    },
    close: () => reader.close(),
  };
}

/** A place in a log: in a file that may have been rotated since it was opened. */
class LogReader {
  readonly #file: string;
  readonly #buffer = Buffer.alloc(CHUNK);
  #onLine: (line: string) => void = () => undefined;
  #splitter: LineSplitter | undefined;
  #handle: FileHandle | undefined;
  #offset = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** Goes to the end of what is there already, and gives the last lines before it. */
  async toEnd(count: number): Promise<readonly string[]> {
    await this.#open();
    const handle = this.#handle;
    if (handle === undefined) return [];
    const { size } = await handle.stat();
    // Its first part may be of a line that is being written.
    this.#offset = await endOfLines(handle, size);
    let lines = await endOf(handle, count, this.#offset);
    const number = (await numberOf(this.#file, handle)) ?? 0;
    for (let older = number + 1; lines.length < count && older <= MOST_ROTATED; older += 1) {
      const rest = await openIfThere(rotated(this.#file, older));
      if (rest === undefined) break;
      try {
        lines = [...(await endOf(rest, count - lines.length, (await rest.stat()).size)), ...lines];
      } finally {
        await rest.close();
      }
    }
    return lines;
  }

  /** Reads what has been written since, in as many files as it takes. */
  async read(onLine: (line: string) => void): Promise<void> {
    this.#onLine = onLine;
    if (this.#handle === undefined) await this.#open();
    for (let handle = this.#handle; handle !== undefined; handle = this.#handle) {
      const { size } = await handle.stat();
      // Somebody has emptied it.
      if (size < this.#offset) this.#offset = 0;
      await this.#readOn(handle);
      const number = await numberOf(this.#file, handle);
      if (number === 0) return;
      const next = await openIfThere(rotated(this.#file, number === undefined ? 0 : number - 1));
      // In the middle of a rotation; its files are renamed one by one, the oldest first.
      if (next === undefined) return;
      if ((await numberOf(this.#file, handle)) !== number) {
        await next.close();
        continue;
      }
      // What was written between the last read and the rotation.
      await this.#readOn(handle);
      await this.#switchTo(next);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #open(): Promise<void> {
    await this.#switchTo(await openIfThere(this.#file));
  }

  async #switchTo(next: FileHandle | undefined): Promise<void> {
    await this.#handle?.close();
    this.#handle = next;
    this.#offset = 0;
    this.#splitter?.end();
    this.#splitter = undefined;
  }

  async #readOn(handle: FileHandle): Promise<void> {
    for (;;) {
      const { bytesRead } = await handle.read(this.#buffer, 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      this.#splitter ??= new LineSplitter((line) => this.#onLine(line));
      this.#splitter.push(this.#buffer.subarray(0, bytesRead));
    }
  }
}

/** The number that the open file has now, 0 if it is the one that is written; undefined if it is gone. */
async function numberOf(file: string, handle: FileHandle): Promise<number | undefined> {
  const { ino } = await handle.stat();
  for (let number = 0, missing = 0; missing < 3; number += 1) {
    const found = await stat(rotated(file, number)).catch(() => undefined);
    if (found?.ino === ino) return number;
    // While files are renamed one is missing for a moment.
    if (found === undefined) missing += 1;
  }
  return undefined;
}

/** Behind the last line that is whole and ends before `size`. */
async function endOfLines(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - CHUNK);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const last = chunk.subarray(0, bytesRead).lastIndexOf(10);
    if (last >= 0) return start + last + 1;
    end = start;
  }
  return 0;
}

/** The last lines before `size`. */
async function endOf(handle: FileHandle, count: number, size: number): Promise<readonly string[]> {
  let start = size;
  let text = Buffer.alloc(0);
  let ends = 0;
  // One more than the lines, because the last ends with one.
  while (start > 0 && ends <= count) {
    const length = Math.min(CHUNK, start);
    start -= length;
    const chunk = Buffer.alloc(length);
    await handle.read(chunk, 0, length, start);
    for (const byte of chunk) if (byte === 10) ends += 1;
    text = Buffer.concat([chunk, text]);
  }
  const lines = text.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(Math.max(0, lines.length - count));
}

function rotated(file: string, number: number): string {
  return number === 0 ? file : `${file}.${number}`;
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
