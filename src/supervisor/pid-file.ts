import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { formatNoted, isStillRunning, noteProcess, parseNoted } from '../runtime/process-identity.ts';
import type { NotedProcess } from '../runtime/process-identity.ts';

export type PidFileResult =
  | { readonly result: 'taken' }
  /** A process that runs has it. */
  | { readonly result: 'held'; readonly by: NotedProcess }
  /** The disk is full: nobody has it, and it cannot be written. */
  | { readonly result: 'no room'; readonly error: Error };

/** No room, no room for this user, no more files. */
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'ENFILE', 'EMFILE']);

/**
 * A file that names this process, and that only one process at a time has. It appears at once with its content, so
 * nobody sees it empty; one that a dead process left behind, or whose number another program has now, is replaced.
 *
 * @throws Error of the file system, other than that it is full
 */
export function takePidFile(path: string): PidFileResult {
  const own = `${path}.${process.pid}`;
  try {
    writeFileSync(own, formatNoted(noteProcess(process.pid)), { mode: 0o600 });
    for (;;) {
      if (linkedAs(own, path)) return { result: 'taken' };
      const holder = readPidFile(path);
      if (holder !== undefined && isStillRunning(holder)) return { result: 'held', by: holder };
      removeStale(path);
    }
  } catch (error) {
    if (error instanceof Error && NO_ROOM.has(codeOf(error))) return { result: 'no room', error };
    throw error;
  } finally {
    removeQuietly(own);
  }
}

/** Undefined when there is none, or it names no process. */
export function readPidFile(path: string): NotedProcess | undefined {
  try {
    return parseNoted(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Removes it if it names this process. */
export function releasePidFile(path: string): void {
  if (readPidFile(path)?.pid === process.pid) removeQuietly(path);
}

/**
 * Another process may do the same, and have replaced the file a moment ago: what was taken away is looked at again, and
 * put back if it names a process that runs.
 */
function removeStale(path: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const holder = readPidFile(aside);
  if (holder !== undefined && isStillRunning(holder)) linkedAs(aside, path);
  removeQuietly(aside);
}

/** False if there is such a file already. */
function linkedAs(existing: string, path: string): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone, or was never there.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
