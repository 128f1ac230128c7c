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

/**
 * The last lines of a log, also those in its rotated files, oldest first.
 * @throws Error of the system, when a file cannot be read; one that is missing has no lines
 */
export async function lastLines(file: string, count: number): Promise<readonly string[]> {
  let lines: readonly string[] = [];
  for (let number = 0; lines.length < count && number <= MOST_ROTATED; number += 1) {
    const handle = await openIfThere(rotated(file, number));
    if (handle === undefined) break;
    try {
      lines = [...(await endOf(handle, count - lines.length)), ...lines];
    } finally {
      await handle.close();
    }
  }
  return lines;
}

/** Follows a log from its present end until the signal aborts, over rotations, and from the time on when it is there. */
export async function followLog(
  file: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const reader = new LogReader(file, onLine);
  await reader.toEnd();
  while (!signal.aborted) {
    await reader.read();
    await sleep(INTERVAL, signal);
  }
  await reader.close();
}

/** A place in a log: in a file that may have been rotated since it was opened. */
class LogReader {
  readonly #file: string;
  readonly #onLine: (line: string) => void;
  readonly #buffer = Buffer.alloc(CHUNK);
  #splitter: LineSplitter;
  #handle: FileHandle | undefined;
  #offset = 0;

  constructor(file: string, onLine: (line: string) => void) {
    this.#file = file;
    this.#onLine = onLine;
    this.#splitter = new LineSplitter(onLine);
  }

  /** What is there already is not read. */
  async toEnd(): Promise<void> {
    await this.#open();
    this.#offset = (await this.#handle?.stat())?.size ?? 0;
  }

  /** Reads what has been written since, in as many files as it takes. */
  async read(): Promise<void> {
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
    this.#splitter.end();
    this.#splitter = new LineSplitter(this.#onLine);
  }

  async #readOn(handle: FileHandle): Promise<void> {
    for (;;) {
      const { bytesRead } = await handle.read(this.#buffer, 0, CHUNK, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
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

async function endOf(handle: FileHandle, count: number): Promise<readonly string[]> {
  let { size: start } = await handle.stat();
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
