import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const prefix = 'unstale-run-';
let runDirectory: string | undefined;
let count = 0;

/**
 * A new empty directory for one server or test. All of a process lie in one directory of the system's
 * temporary directory, which goes when the process ends; those that a SIGKILL left behind go when the next
 * process needs one.
 */
export async function temporaryDirectory(name: string): Promise<string> {
  runDirectory ??= createRunDirectory();
  count += 1;
  const path = join(runDirectory, `${name}-${count}`);
  await mkdir(path);
  return path;
}

function createRunDirectory(): string {
  removeThoseOfDeadProcesses();
  const path = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  process.once('exit', () => removeQuietly(path));
  return path;
}

function removeThoseOfDeadProcesses(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isInteger(pid) && !isAlive(pid)) removeQuietly(join(tmpdir(), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: alive, and someone else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Another process may be removing it as well, or it belongs to another user.
  }
}
