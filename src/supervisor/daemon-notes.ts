import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNoted, isStillRunning, noteProcess } from '../runtime/process-identity.ts';
import type { NotedProcess } from '../runtime/process-identity.ts';
import { readPidFile } from './pid-file.ts';

/**
 * Which process each daemon is, in a file `daemons/CLIENT_ID.pid` of the run directory: a supervisor that was killed leaves daemons
 * behind, and the next one waits until each is gone before it starts it again. A file that cannot be written is done without.
 */
export class DaemonNotes {
  readonly #directory: string;

  constructor(runDirectory: string) {
    this.#directory = join(runDirectory, 'daemons');
  }

  note(clientId: string, pid: number): void {
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(this.#fileOf(clientId), formatNoted(noteProcess(pid)), { mode: 0o600 });
    } catch {
      // The daemon is more important than its file.
    }
  }

  forget(clientId: string): void {
    try {
      rmSync(this.#fileOf(clientId), { force: true });
    } catch {
      // A file of a process that is gone does no harm.
    }
  }

  /** The process that an earlier supervisor has left, by the daemon's name; removes the notes of those that are gone. */
  leftBehind(): ReadonlyMap<string, NotedProcess> {
    const left = new Map<string, NotedProcess>();
    for (const name of this.#names()) {
      const noted = readPidFile(this.#fileOf(name));
      if (noted !== undefined && isStillRunning(noted)) left.set(name, noted);
      else this.forget(name);
    }
    return left;
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#directory)
        .filter((file) => file.endsWith('.pid'))
        .map((file) => file.slice(0, -'.pid'.length));
    } catch {
      return [];
    }
  }

  #fileOf(clientId: string): string {
    return join(this.#directory, `${clientId}.pid`);
  }
}
