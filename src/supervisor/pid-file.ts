import { createHash } from 'node:crypto';
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
      const there = textOf(path);
      if (there === undefined) continue;
      const holder = parseNoted(there);
      if (holder !== undefined && isStillRunning(holder)) return { result: 'held', by: holder };
      const replaced = replaceStale(path, there, own);
      if (replaced !== undefined) return replaced;
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
    return parseNoted(textOf(path) ?? '');
  } catch {
    return undefined;
  }
}

/** Removes it if it names this process. */
export function releasePidFile(path: string): void {
  if (readPidFile(path)?.pid === process.pid) removeQuietly(path);
}

/**
 * Puts `own` in the place of a file that says `stale`, which others may want to replace as well. Who may is decided by
 * a second file, named after what is replaced, that only one can create: a file that was looked at can be another one a
 * moment later, and must not be taken away. One who died with the second file in hand is replaced in the same way.
 *
 * Undefined when it has to be looked at again.
 */
function replaceStale(path: string, stale: string, own: string): PidFileResult | undefined {
  const claims: string[] = [];
  for (let replaced = stale; ;) {
    const claim = `${path}.after-${createHash('sha256').update(replaced).digest('hex').slice(0, 16)}`;
    claims.push(claim);
    if (linkedAs(own, claim)) break;
    const text = textOf(claim);
    if (text === undefined) return undefined;
    const rival = parseNoted(text);
    if (rival !== undefined && isStillRunning(rival)) return { result: 'held', by: rival };
    replaced = text;
  }
  try {
    // Whoever had the right before may have used it.
    if (textOf(path) !== stale) return undefined;
    renameSync(own, path);
    return { result: 'taken' };
  } finally {
    // The last one is the right itself.
    for (const claim of claims) removeQuietly(claim);
  }
}

/** Undefined if there is no such file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
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
