import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from './log-follow.ts';
import type { OpenLog } from './log-follow.ts';
import { MOST_WAITING } from './line-sink.ts';
import { RotatingLog } from './rotating-log.ts';
import type { LogTrouble } from './rotating-log.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'unstale-log-'));
  file = join(directory, 'shop.log');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function linesIn(name: string): string[] {
  return readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1);
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index} ${'x'.repeat(90)}`);
}

describe('a rotating log', () => {
  it('keeps every line in order, over files of the given size', async () => {
    const log = new RotatingLog({ file, maxSize: 1000, keep: 50 });
    const lines = numbered(1, 200);
    for (const line of lines) log.write(line);
    await log.close();
    const names = readdirSync(directory).toSorted(
      (a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0),
    );
    expect(names.length).toBeGreaterThan(10);
    expect(names.flatMap(linesIn)).toEqual(lines);
    for (const name of names) expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(1000);
  });

  it('keeps the given number of older files, and goes on in the file of an earlier process', async () => {
    writeFileSync(file, 'before\n');
    const log = new RotatingLog({ file, maxSize: 1000, keep: 2 });
    log.write('after');
    await log.close();
    expect(linesIn('shop.log')).toEqual(['before', 'after']);
    const again = new RotatingLog({ file, maxSize: 1000, keep: 2 });
    for (const line of numbered(1, 100)) again.write(line);
    await again.close();
    expect(readdirSync(directory).toSorted()).toEqual(['shop.log', 'shop.log.1', 'shop.log.2']);
  });

  it('is for nobody else to read', async () => {
    const log = new RotatingLog({ file, maxSize: 1000, keep: 2 });
    log.write('a line');
    await log.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('drops lines while the disk is full, tells once, and says how many when it is mended', async () => {
    symlinkSync('/dev/full', file);
    const troubles: LogTrouble[] = [];
    const log = new RotatingLog({
      file,
      maxSize: 1_000_000,
      keep: 2,
      onTrouble: (trouble) => troubles.push(trouble),
    });
    log.write('lost 1');
    await log.close();
    log.write('lost 2');
    await log.close();
    rmSync(file);
    log.reopen();
    log.write('kept');
    await log.close();
    const [notice = '', ...rest] = linesIn('shop.log');
    expect(JSON.parse(notice)).toMatchObject({ level: 'warn', lines: 2 });
    expect(rest).toEqual(['kept']);
    expect(troubles.map(({ kind }) => kind)).toEqual(['lost', 'mended']);
    expect(troubles[0]).toMatchObject({ error: { code: 'ENOSPC' } });
  });

  it('drops what a slow disk has not taken yet, instead of holding it all', async () => {
    const log = new RotatingLog({ file, maxSize: 100_000_000, keep: 2 });
    const line = 'x'.repeat(99_999);
    for (let count = 0; count < 30; count += 1) log.write(line);
    await log.close();
    log.write('later');
    await log.close();
    const lines = linesIn('shop.log');
    const kept = lines.filter((one) => one === line).length;
    // The first may have been taken at once.
    expect(kept).toBeLessThanOrEqual(Math.floor(MOST_WAITING / 100_000) + 1);
    expect(lines.at(-1)).toBe('later');
    expect(lines.some((one) => one.includes(`${30 - kept} lines before this one`))).toBe(true);
  });

  it('writes to a new file when it was moved away and is reopened', async () => {
    const log = new RotatingLog({ file, maxSize: 1000, keep: 2 });
    log.write('one');
    await log.close();
    renameSync(file, `${file}.moved`);
    log.reopen();
    log.write('two');
    await log.close();
    expect(linesIn('shop.log.moved')).toEqual(['one']);
    expect(linesIn('shop.log')).toEqual(['two']);
  });
});

describe('reading a log', () => {
  it('gives the last lines, also of rotated files', async () => {
    const log = new RotatingLog({ file, maxSize: 1000, keep: 50 });
    const lines = numbered(1, 100);
    for (const line of lines) log.write(line);
    await log.close();
    expect(await lastLines(file, 25)).toEqual(lines.slice(-25));
    expect(await lastLines(file, 1000)).toEqual(lines);
    expect(await lastLines(file, 0)).toEqual([]);
    expect(await lastLines(join(directory, 'none.log'), 5)).toEqual([]);
  });

  it('gives a line that is being written when it is whole', async () => {
    writeFileSync(file, 'one\ntw');
    const log = await openLog(file, 5);
    expect(log.lines).toEqual(['one']);
    appendFileSync(file, 'o\n');
    const [line] = await follow(log, 1);
    expect(line).toBe('two');
  });

  it('follows over rotations without losing or repeating a line', async () => {
    const log = new RotatingLog({ file, maxSize: 2000, keep: 50 });
    log.write('before');
    await log.close();
    const opened = await openLog(file, 1);
    expect(opened.lines).toEqual(['before']);
    const lines = numbered(1, 300);
    const followed = follow(opened, lines.length);
    for (const [index, line] of lines.entries()) {
      log.write(line);
      if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await log.close();
    expect(await followed).toEqual(lines);
  });
});

async function lastLines(path: string, count: number): Promise<readonly string[]> {
  const log = await openLog(path, count);
  await log.close();
  return log.lines;
}

/** So many lines of it. */
async function follow(log: OpenLog, count: number): Promise<readonly string[]> {
  const lines: string[] = [];
  const ending = new AbortController();
  await log.follow((line) => {
    lines.push(line);
    if (lines.length === count) ending.abort();
  }, ending.signal);
  await log.close();
  return lines;
}
