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
  let handle = await openIfThere(file);
  let offset = handle === undefined ? 0 : (await handle.stat()).size;
  let splitter = new LineSplitter(onLine);
  const readOn = async (from: FileHandle): Promise<void> => {
    const buffer = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await from.read(buffer, 0, CHUNK, offset);
      if (bytesRead === 0) return;
      offset += bytesRead;
      splitter.push(buffer.subarray(0, bytesRead));
    }
  };
  const next = async (name: string): Promise<void> => {
    await handle?.close();
    handle = await openIfThere(name);
    offset = 0;
    splitter.end();
    splitter = new LineSplitter(onLine);
  };
  while (!signal.aborted) {
    if (handle === undefined) await next(file);
    if (handle !== undefined) {
      await readOn(handle);
      // It may have been rotated several times since.
      for (let number = await numberOf(file, handle); number !== 0 && handle !== undefined;) {
        await readOn(handle);
        number = number === undefined ? 0 : number - 1;
        await next(rotated(file, number));
        if (handle !== undefined) await readOn(handle);
      }
      if (handle !== undefined && (await handle.stat()).size < offset) offset = 0;
    }
    await sleep(INTERVAL, signal);
  }
  await handle?.close();
}

/** The number that the open file has now, 0 if it is the one that is written; undefined if it is gone. */
async function numberOf(file: string, handle: FileHandle): Promise<number | undefined> {
  const { ino } = await handle.stat();
  for (let number = 0; number <= MOST_ROTATED; number += 1) {
    const found = await stat(rotated(file, number)).catch(() => undefined);
    if (found?.ino === ino) return number;
    // While files are renamed the first may be missing for a moment.
    if (found === undefined && number > 0) return undefined;
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
