import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatNoted, isStillRunning, noteProcess, parseNoted } from '../runtime/process-identity.ts';
import { eventually } from '../../test/support/eventually.ts';
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

  it('of many that want to replace a stale one at once is taken by one', async () => {
    writeFileSync(file, '4194303\n');
    const module = new URL('pid-file.ts', import.meta.url).href;
    const code = `import { takePidFile } from ${JSON.stringify(module)};
      process.stdin.once('data', () => { process.stdout.write(takePidFile(${JSON.stringify(file)}).result + '\\n'); });
      process.stdin.once('end', () => process.exit());
      process.stdout.write('ready\\n');`;
    const rivals = Array.from({ length: 6 }, () =>
      spawn(
        process.execPath,
        ['--no-warnings', '--experimental-strip-types', '--input-type=module', '-e', code],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      ),
    );
    const outputs = rivals.map(() => '');
    for (const [index, { stdout }] of rivals.entries())
      stdout.on('data', (chunk: Buffer) => {
        outputs[index] += String(chunk);
      });
    const all = (pattern: RegExp): Promise<boolean> =>
      eventually(
        `all say ${String(pattern)}`,
        () => outputs.every((output) => pattern.test(output)),
        Boolean,
        {
          timeoutMs: 30_000,
        },
      );
    await all(/ready/);
    for (const { stdin } of rivals) stdin.write('go');
    await all(/taken|held/);
    expect(outputs.filter((output) => output.includes('taken'))).toHaveLength(1);
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
