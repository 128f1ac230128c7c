import { sleep } from '../runtime/sleep.ts';
import { isStillRunning } from '../runtime/process-identity.ts';
import type { NotedProcess } from '../runtime/process-identity.ts';
import { DaemonProcess } from './daemon-process.ts';
import type { DaemonCommand, ProcessEnd } from './daemon-process.ts';
import type { DaemonNotes } from './daemon-notes.ts';
import { errorOfEnd, reportedError } from './daemon-report.ts';
import type { DaemonReport, ReportedError, SupervisedState } from './daemon-report.ts';
import type { LineSink } from './line-sink.ts';
import type { SupervisorLog } from './log.ts';
import { MendedConfiguration } from './mended-configuration.ts';
import type { DaemonPlan } from './plan.ts';
import { judgeEnd, MOST_CRASHES, NO_HISTORY } from './restart-policy.ts';

export interface ManagedDaemonOptions {
  readonly plan: DaemonPlan;
  readonly command: DaemonCommand;
  readonly sink: LineSink;
  readonly notes: DaemonNotes;
  readonly log: SupervisorLog;
  /** What an earlier supervisor has left of this daemon. */
  readonly leftBehind: NotedProcess | undefined;
  /** Before a start, ms. */
  readonly longestDelay: number;
  /** Silence after which it hangs, ms. */
  readonly longestSilence?: number;
  readonly onChange: () => void;
}

type Phase = 'starting' | 'ready' | 'draining' | 'waiting' | 'gave_up' | 'failed' | 'stopped';

/** Longer than a daemon's own deadline, ms: it ends by itself, unless it hangs. */
const GRACE = 10_000;
/** Silence after which a daemon hangs, ms. */
const LONGEST_SILENCE = 30_000;
/** For an answer of a daemon, ms. */
const STATUS_PATIENCE = 2000;
/** What takes longer goes on, and the log tells of its end, ms. */
const RELOAD_PATIENCE = 10_000;

/** A daemon that is kept running: its present process, and what becomes of it when that ends. */
export class ManagedDaemon {
  readonly #options: ManagedDaemonOptions;
  readonly #log: SupervisorLog;
  readonly #longestSilence: number;
  readonly #mended: MendedConfiguration;
  #phase: Phase = 'stopped';
  /** What a ready daemon said of itself last. */
  #readyAs: SupervisedState = 'running';
  #readyAt: number | undefined;
  #wanted = false;
  #process: DaemonProcess | undefined;
  #leftBehind: NotedProcess | undefined;
  #history = NO_HISTORY;
  #restarts = -1;
  #lastError: ReportedError | undefined;
  #lastExit: number | undefined;
  #hung = false;
  #shutdownTimeout: number;
  #nextStart: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  #killing: NodeJS.Timeout | undefined;
  /** By the clock of the files, ms. */
  #spawnedAt = 0;
  #changed = Promise.withResolvers<void>();

  constructor(options: ManagedDaemonOptions) {
    this.#options = options;
    this.#leftBehind = options.leftBehind;
    this.#longestSilence = options.longestSilence ?? LONGEST_SILENCE;
    this.#shutdownTimeout = options.plan.shutdownTimeout;
    const { log } = options;
    const { clientId } = options.plan;
    this.#log = {
      info: (fields, message) => log.info({ daemon: clientId, ...fields }, message),
      warn: (fields, message) => log.warn({ daemon: clientId, ...fields }, message),
      error: (fields, message) => log.error({ daemon: clientId, ...fields }, message),
    };
    this.#mended = new MendedConfiguration(
      () => {
        this.#log.info({}, 'the configuration has changed');
        this.start();
      },
      (err) => this.#log.warn({ err }, 'the configuration cannot be watched'),
    );
  }

  get clientId(): string {
    return this.#options.plan.clientId;
  }

  get configFile(): string {
    return this.#options.plan.configFile;
  }

  get isReady(): boolean {
    return this.#phase === 'ready';
  }

  /** It will not run again unless somebody does something. */
  get hasGivenUp(): boolean {
    return this.#phase === 'gave_up' || this.#phase === 'failed';
  }

  /** It runs, and says nothing. */
  get isSilent(): boolean {
    return this.#process !== undefined && this.#process.silence > this.#longestSilence;
  }

  /** Exit code of its last process, 1 for one that a signal ended; undefined before. */
  get lastExit(): number | undefined {
    return this.#lastExit;
  }

  get lastError(): ReportedError | undefined {
    return this.#lastError;
  }

  /** Starts it, if it does not run: also one that was given up, and one that waits for its next start. */
  start(): void {
    this.#wanted = true;
    if (this.#process !== undefined || this.#phase === 'starting') return;
    this.#clear();
    this.#to('starting');
    void this.#spawn();
  }

  /** Resolves when it is known whether the start has led to anything. */
  async settled(): Promise<void> {
    while (this.#phase === 'starting' || this.#phase === 'draining') await this.#changed.promise;
  }

  /**
   * Lets it finish what is open; resolves when it has ended.
   * @param patience until it is killed, ms; a little longer than its own deadline unless given
   */
  async stop(patience: number = this.#shutdownTimeout + GRACE): Promise<void> {
    this.#wanted = false;
    this.#clear();
    const process = this.#process;
    if (process === undefined) {
      this.#to('draining');
      await this.#untilLeftBehindIsGone();
      this.#to('stopped');
      return;
    }
    if (this.#phase !== 'draining') {
      this.#to('draining');
      process.terminate();
    }
    clearTimeout(this.#killing);
    this.#killing = setTimeout(() => {
      this.#log.warn({ patience_ms: patience }, 'the daemon does not end in time and is killed');
      process.kill();
    }, patience);
    await process.ended;
    while (this.#process === process) await this.#changed.promise;
  }

  /** At once. */
  kill(): void {
    this.#wanted = false;
    this.#clear();
    this.#process?.kill();
  }

  /**
   * Stops and starts it; resolves when the start has settled.
   * @param isWanted asked in between: somebody may have stopped everything
   */
  async restart(isWanted: () => boolean): Promise<void> {
    await this.stop();
    if (!isWanted()) return;
    this.#history = NO_HISTORY;
    this.start();
    await this.settled();
  }

  /** What became of it; a daemon that does not run is started with the configuration as it is now. */
  async reload(invalidate: boolean | undefined): Promise<object> {
    const process = this.#process;
    if (process !== undefined && this.#phase === 'ready')
      return (await process.reload(invalidate, RELOAD_PATIENCE)) ?? { result: 'pending' };
    if (process !== undefined) return { result: 'pending' };
    this.#history = NO_HISTORY;
    this.start();
    await this.settled();
    return this.isReady
      ? { result: 'started' }
      : { result: 'refused', code: this.#lastError?.code, message: this.#lastError?.message };
  }

  /** Asks for a sign of life, and kills a daemon that gives none. */
  watch(): void {
    const process = this.#process;
    if (process === undefined) return;
    if (!this.isSilent) {
      process.ping();
      return;
    }
    if (this.#hung) return;
    this.#hung = true;
    this.#log.error(
      { code: 'UNSTALE_DAEMON_HUNG', silent_ms: Math.round(process.silence) },
      'the daemon hangs and is killed',
    );
    process.kill();
  }

  /** This process was asleep itself: nobody could be heard. */
  forgive(): void {
    this.#process?.forgive();
  }

  async report(): Promise<DaemonReport> {
    const process = this.#process;
    const daemon = this.#phase === 'ready' ? await process?.status(STATUS_PATIENCE) : undefined;
    const now = performance.now();
    const error = lastErrorOf(daemon) ?? this.#lastError;
    return {
      client_id: this.clientId,
      config_file: this.configFile,
      state: this.#stateWith(daemon),
      pid: process?.pid ?? null,
      uptime_seconds: process === undefined ? null : Math.round((now - process.startedAt) / 1000),
      restarts: Math.max(0, this.#restarts),
      next_start_in_seconds:
        this.#nextStart === undefined ? null : Math.max(0, Math.ceil((this.#nextStart.at - now) / 1000)),
      last_error: error ?? null,
      daemon: daemon ?? null,
    };
  }

  #stateWith(status: object | undefined): SupervisedState {
    if (this.#phase !== 'ready') return this.#phase;
    if (status === undefined) return 'unresponsive';
    const state = 'state' in status ? status.state : undefined;
    return state === 'standby' || state === 'running' || state === 'draining' ? state : this.#readyAs;
  }

  async #spawn(): Promise<void> {
    if (this.#leftBehind !== undefined) {
      this.#log.warn(
        { pid: this.#leftBehind.pid },
        'an earlier supervisor has left this daemon behind; it is started again when that one has ended',
      );
    }
    await this.#untilLeftBehindIsGone();
    if (!this.#wanted || this.#process !== undefined) return;
    this.#restarts += 1;
    this.#hung = false;
    this.#readyAt = undefined;
    this.#spawnedAt = Date.now();
    let process: DaemonProcess;
    try {
      process = new DaemonProcess(this.#options.command, {
        onLine: (line) => this.#options.sink.write(line),
        onReady: ({ state, shutdownTimeout }) => {
          this.#shutdownTimeout = shutdownTimeout;
          this.#readyAs = state === 'standby' ? 'standby' : 'running';
          this.#readyAt = performance.now();
          this.#log.info({ pid: process.pid, state }, 'the daemon is ready');
          if (this.#phase === 'starting') this.#to('ready');
        },
      });
    } catch (error) {
      const spawnError = error instanceof Error ? error : new Error(String(error));
      this.#ended({ exitCode: null, signal: null, spawnError });
      return;
    }
    this.#process = process;
    if (process.pid !== undefined) this.#options.notes.note(this.clientId, process.pid);
    this.#log.info({ pid: process.pid, config_file: this.configFile }, 'the daemon is started');
    const end = await process.ended;
    this.#process = undefined;
    this.#options.notes.forget(this.clientId);
    this.#ended(end);
  }

  async #untilLeftBehindIsGone(): Promise<void> {
    const old = this.#leftBehind;
    if (old === undefined) return;
    const deadline = performance.now() + this.#shutdownTimeout + GRACE;
    while (isStillRunning(old)) {
      if (performance.now() > deadline) killQuietly(old.pid);
      await sleep(50);
    }
    this.#leftBehind = undefined;
  }

  #ended(end: ProcessEnd): void {
    clearTimeout(this.#killing);
    this.#lastExit = end.exitCode ?? 1;
    const { signal, exitCode } = end;
    const error = this.#hung
      ? reportedError(
          'UNSTALE_DAEMON_HUNG',
          `it said nothing for ${this.#longestSilence / 1000} s and was killed`,
        )
      : errorOfEnd(end);
    if (!this.#wanted) {
      this.#log.info({ exit_code: exitCode, signal }, 'the daemon is stopped');
      this.#to('stopped');
      return;
    }
    this.#lastError = error;
    const now = performance.now();
    const { verdict, history } = judgeEnd(
      this.#history,
      {
        exitCode,
        ...(end.message === undefined ? {} : { error: end.message }),
        notSpawned: end.spawnError !== undefined,
        ...(this.#readyAt === undefined ? {} : { readyFor: now - this.#readyAt }),
      },
      { now, longestDelay: this.#options.longestDelay },
    );
    this.#history = history;
    const fields = { exit_code: exitCode, signal, code: error?.code, reason: error?.message };
    switch (verdict.kind) {
      case 'restart': {
        this.#log.warn(
          { ...fields, delay_ms: Math.round(verdict.delay) },
          'the daemon has ended and is started again',
        );
        const timer = setTimeout(() => this.start(), verdict.delay);
        this.#nextStart = { timer, at: now + verdict.delay };
        this.#to('waiting');
        return;
      }
      case 'gave_up':
        this.#log.error(
          fields,
          'the daemon is given up until its configuration changes, or it is told to restart or reload',
        );
        this.#to('gave_up');
        this.#watchConfiguration(end);
        return;
      case 'failed':
        this.#lastError = reportedError(
          'UNSTALE_CRASH_LOOP',
          `it crashed ${MOST_CRASHES} times without being ready, the last time so: ${error?.message ?? 'without an error'}${error === undefined ? '' : ` (${error.code})`}`,
        );
        this.#log.error(
          { ...fields, code: 'UNSTALE_CRASH_LOOP' },
          'the daemon crashes again and again and is not started any more until it is told to restart or reload',
        );
        this.#to('failed');
        this.#watchConfiguration(end);
    }
  }

  #watchConfiguration({ message }: ProcessEnd): void {
    this.#mended.watch({
      files: [...new Set([this.configFile, ...(message?.files ?? [])])],
      directories: message?.directories ?? [],
      readAt: this.#spawnedAt,
    });
  }

  #clear(): void {
    clearTimeout(this.#nextStart?.timer);
    this.#nextStart = undefined;
    this.#mended.end();
  }

  #to(phase: Phase): void {
    this.#phase = phase;
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
    this.#options.onChange();
  }
}

function lastErrorOf(status: object | undefined): ReportedError | undefined {
  const error = status !== undefined && 'last_error' in status ? status.last_error : undefined;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error))
    return undefined;
  const hint = 'hint' in error ? String(error.hint) : '';
  return { code: String(error.code), message: String(error.message), hint };
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended, or is someone else's.
  }
}
