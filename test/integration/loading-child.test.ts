import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

/** `unstale run` whose configuration is being read: a pipe that nobody writes to. */
interface Loading {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** Also the output is complete. */
  readonly ended: Promise<{ readonly code: unknown; readonly signal: unknown; readonly output: string }>;
  readonly pipe: FileHandle;
}

async function startLoading(): Promise<Loading> {
  const file = join(await temporaryDirectory('config'), 'unstale.yaml');
  await promisify(execFile)('mkfifo', [file]);
  const child = spawn(process.execPath, [entry, 'run', '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const exited = once(child, 'exit');
  const ended = exited.then(async ([code, signal]: unknown[]) => ({
    code,
    signal,
    output: (await output).join(''),
  }));
  // Opening waits for the reader.
  const pipe = await open(file, 'w');
  return { pid: child.pid ?? 0, exited, ended, pipe };
}

describe('unstale run while its configuration is read', () => {
  it('SIGTERM ends it in order, and nothing is left behind', async () => {
    const { pid, ended, exited, pipe } = await startLoading();
    process.kill(pid, 'SIGTERM');
    await exited;
    await pipe.close();
    // The output ends with the last process that holds it: the child has ended too.
    expect(await ended).toEqual({ code: 0, signal: null, output: '' });
  });

  it('a child that is killed is a documented error', async () => {
    const { pid, ended, pipe } = await startLoading();
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    process.kill(Number(children.trim()), 'SIGKILL');
    const { code, output } = await ended;
    await pipe.close();
    expect(code).toBe(1);
    expect(output).toMatch(/^error: .*SIGKILL.*\(UNSTALE_CONFIG_CHILD_DIED\)\n {2}hint: .*\n$/);
  });
});
