import { join } from 'node:path';
import { UnstaleError } from '../errors/unstale-error.ts';
import { sleep } from '../runtime/sleep.ts';
import { isSupervised } from './control-client.ts';
import type { SupervisorLog } from './log.ts';
import { readPidFile, releasePidFile, takePidFile } from './pid-file.ts';

export function pidFileOf(runDirectory: string): string {
  return join(runDirectory, 'supervisor.pid');
}

/** One that does not answer may be about to end, ms. */
const LONGEST_END = 2000;

/** That only one supervisor has a run directory: by its pid file, and while the disk has no room for one by its socket. */
export class SingleInstance {
  readonly #runDirectory: string;
  readonly #log: SupervisorLog;
  #hasFile = false;

  constructor(runDirectory: string, log: SupervisorLog) {
    this.#runDirectory = runDirectory;
    this.#log = log;
  }

  /** @throws UnstaleError UNSTALE_ALREADY_RUNNING, or UNSTALE_RUN_DIRECTORY when the directory cannot be used */
  async acquire(): Promise<void> {
    await refuseSecond(this.#runDirectory);
    let taken = this.#take();
    for (const deadline = performance.now() + LONGEST_END; taken.result === 'held'; taken = this.#take()) {
      if (performance.now() > deadline) break;
      await sleep(50);
    }
    if (taken.result === 'held') throw alreadyRunning(taken.by.pid, this.#runDirectory);
    if (taken.result === 'no room')
      this.#log.warn({ err: taken.error }, 'the pid file cannot be written; it is tried again');
  }

  /** Writes the file if that was not possible before, or somebody has removed it. */
  keep(): void {
    if (readPidFile(pidFileOf(this.#runDirectory))?.pid === process.pid) return;
    const had = this.#hasFile;
    this.#hasFile = false;
    try {
      if (this.#take().result === 'taken')
        this.#log.info({}, had ? 'the pid file was gone and is written again' : 'the pid file is written');
    } catch {
      // Tried again the next time.
    }
  }

  release(): void {
    releasePidFile(pidFileOf(this.#runDirectory));
  }

  #take(): ReturnType<typeof takePidFile> {
    try {
      const taken = takePidFile(pidFileOf(this.#runDirectory));
      this.#hasFile = taken.result === 'taken';
      return taken;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnstaleError('UNSTALE_RUN_DIRECTORY', `the pid file cannot be written: ${reason}`, {
        cause: error,
      });
    }
  }
}

/**
 * Whether one answers decides where processes cannot be told apart, and where the pid file could not be written.
 * @throws UnstaleError UNSTALE_ALREADY_RUNNING
 */
export async function refuseSecond(runDirectory: string): Promise<void> {
  if (await isSupervised(runDirectory))
    throw alreadyRunning(readPidFile(pidFileOf(runDirectory))?.pid, runDirectory);
}

function alreadyRunning(pid: number | undefined, runDirectory: string): UnstaleError {
  return new UnstaleError(
    'UNSTALE_ALREADY_RUNNING',
    `a supervisor${pid === undefined ? '' : ` with pid ${pid}`} already runs in ${runDirectory}`,
  );
}
