import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { spawnTethered } from './tether.ts';

export interface LocalProcessOptions {
  /** How errors name the process. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Receives stdout and stderr; its end is quoted when a start fails. */
  readonly logFile: string;
  /** Resolves when the process does its work; rejects as long as it does not. Tried again and again. */
  readonly probe: () => Promise<void>;
  readonly startTimeoutMs?: number;
}

/** A server process that can be started again after it ended. */
export interface LocalProcess {
  /** @throws Error while it is not running. */
  pid(): number;
  /** Resolves when the probe succeeds; `extraArgs` are for this start only. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** SIGTERM, and SIGKILL should it take longer than 30 s. Does nothing when not running. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
}

const stopTimeoutMs = 30_000;
const running = new Set<ChildProcess>();

// The tether alone would let them outlive the removal of their data.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function createLocalProcess(options: LocalProcessOptions): LocalProcess {
  const { name } = options;
  let child: ChildProcess | undefined;

  const isRunning = (process: ChildProcess): boolean =>
    process.pid !== undefined && process.exitCode === null && process.signalCode === null;

  const current = (): ChildProcess & { pid: number } => {
    if (child?.pid === undefined || !isRunning(child)) throw new Error(`${name} is not running`);
    return Object.assign(child, { pid: child.pid });
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || !isRunning(child)) return;
    const ended = once(child, 'exit');
    // A stopped process acts on no signal but SIGKILL before it continues.
    child.kill('SIGCONT');
    child.kill(signal);
    const timer = setTimeout((late: ChildProcess) => late.kill('SIGKILL'), stopTimeoutMs, child);
    await ended;
    clearTimeout(timer);
  };

  const start = async (extraArgs: readonly string[] = []): Promise<void> => {
    if (child !== undefined && isRunning(child)) throw new Error(`${name} is running already`);
    const log = openSync(options.logFile, 'a');
    const started = spawnTethered(options.command, [...options.args, ...extraArgs], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child = started;
    running.add(started);
    let failure: string | undefined;
    started.once('error', (error) => {
      running.delete(started);
      failure = error.message;
    });
    started.once('exit', (code, signal) => {
      running.delete(started);
      failure = `ended with ${signal ?? `exit code ${code}`}`;
    });
    const deadline = Date.now() + (options.startTimeoutMs ?? 60_000);
    for (;;) {
      const problem = await options.probe().then(
        () => undefined,
        (error: unknown) => String(error),
      );
      // The probe may have met another server on the port; only a living process counts.
      if (problem === undefined && failure === undefined) return;
      if (failure === undefined && Date.now() > deadline) failure = `is not ready in time, last: ${problem}`;
      if (failure !== undefined) {
        await end('SIGKILL');
        throw new Error(`${name} ${failure}\n${tail(options.logFile)}`);
      }
      await delay(20);
    }
  };

  return {
    pid: () => current().pid,
    start,
    stop: async () => end('SIGTERM'),
    kill: async () => end('SIGKILL'),
    freeze: () => void current().kill('SIGSTOP'),
    thaw: () => void current().kill('SIGCONT'),
  };
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
}
