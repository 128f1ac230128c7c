import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatNoted, isStillRunning, noteProcess, parseNoted } from '../runtime/process-identity.ts';
import { readPidFile, releasePidFile, takePidFile } from './pid-file.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'unstale-pid-'));
  file = join(directory, 'supervisor.pid');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('a pid file', () => {
  it('names this process, leaves nothing beside it, and goes with it', () => {
    expect(takePidFile(file)).toEqual({ result: 'taken' });
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${process.pid}\n`));
    expect(readdirSync(directory)).toEqual(['supervisor.pid']);
    releasePidFile(file);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('of a process that runs is not taken', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(other, 'spawn');
    writeFileSync(file, formatNoted(noteProcess(other.pid ?? 0)));
    expect(takePidFile(file)).toMatchObject({ result: 'held', by: { pid: other.pid } });
    releasePidFile(file);
    expect(readPidFile(file)?.pid).toBe(other.pid);
    const ended = once(other, 'exit');
    other.kill('SIGKILL');
    await ended;
    expect(takePidFile(file)).toEqual({ result: 'taken' });
  });

  it.each([
    ['another program has the number now', () => `${process.ppid}\n00000000-0000-0000-0000-000000000000:1\n`],
    ['the process is gone', () => '4194303\n'],
    ['it is empty', () => ''],
    ['it holds something else', () => 'nonsense'],
  ])('is replaced when %s', (_, content) => {
    writeFileSync(file, content());
    expect(takePidFile(file)).toEqual({ result: 'taken' });
    expect(readPidFile(file)?.pid).toBe(process.pid);
    expect(readdirSync(directory)).toEqual(['supervisor.pid']);
  });

  it('of many that want to replace a stale one at once is taken by one, each time', async () => {
    const module = new URL('pid-file.ts', import.meta.url).href;
    const code = `import { createInterface } from 'node:readline';
      import { takePidFile } from ${JSON.stringify(module)};
      createInterface({ input: process.stdin }).on('line', (path) => console.log(takePidFile(path).result));`;
    const rivals = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', code], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    const answers = rivals.map(({ stdout }) => createInterface({ input: stdout })[Symbol.asyncIterator]());
    for (let round = 0; round < 200; round += 1) {
      const path = join(directory, `${round}.pid`);
      writeFileSync(path, '4194303\n');
      for (const { stdin } of rivals) stdin.write(`${path}\n`);
      const results = await Promise.all(answers.map(async (lines) => String((await lines.next()).value)));
      expect(results.toSorted()).toEqual(['held', 'held', 'held', 'held', 'held', 'taken']);
    }
    expect(readdirSync(directory)).toHaveLength(200);
    const ended = rivals.map((rival) => once(rival, 'exit'));
    for (const { stdin } of rivals) stdin.end();
    await Promise.all(ended);
  });
});

describe('a noted process', () => {
  it('is read back as it was noted', () => {
    const noted = noteProcess(process.pid);
    expect(parseNoted(formatNoted(noted))).toEqual(noted);
    expect(isStillRunning(noted)).toBe(true);
    expect(parseNoted(formatNoted({ pid: 7, identity: '' }))).toEqual({ pid: 7, identity: '' });
  });
});
