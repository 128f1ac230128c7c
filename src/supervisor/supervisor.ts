import { UnstaleError } from '../errors/unstale-error.ts';
import { sleep } from '../runtime/sleep.ts';
import type { DaemonReport, SupervisorReport } from './daemon-report.ts';
import type { SupervisorLog } from './log.ts';
import type { ManagedDaemon } from './managed-daemon.ts';
import type { SupervisorPlan } from './plan.ts';

export interface SupervisorOptions {
  readonly plan: SupervisorPlan;
  readonly daemons: readonly ManagedDaemon[];
  readonly log: SupervisorLog;
}

/** Told while something takes its time. */
export type Progress = (line: string) => void;

/** What became of a reload, by daemon. */
export type ReloadResults = Readonly<Record<string, object>>;

/** The daemons of one plan, together. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #startedAt = performance.now();
  readonly #finished = Promise.withResolvers<number>();
  #stopping: Promise<void> | undefined;
  #restarting = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Resolves with the exit code when there is nothing left to do. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** No daemon that runs is silent. */
  get isHealthy(): boolean {
    return !this.#options.daemons.some((daemon) => daemon.isSilent);
  }

  /** Every daemon is ready, but for those that only an operator can bring up: who waits for the others must not wait for them. */
  get hasStarted(): boolean {
    const { daemons } = this.#options;
    return (
      daemons.some((daemon) => daemon.isReady) &&
      daemons.every((daemon) => daemon.isReady || daemon.hasGivenUp)
    );
  }

  /** In a line, e.g. `2 of 3 daemons are ready`. */
  get summary(): string {
    const { daemons } = this.#options;
    const ready = daemons.filter((daemon) => daemon.isReady).length;
    const down = daemons.filter((daemon) => daemon.hasGivenUp).map((daemon) => daemon.clientId);
    return `${ready} of ${daemons.length} daemons are ready${down.length === 0 ? '' : `; given up: ${down.join(', ')}`}`;
  }

  start(): void {
    for (const daemon of this.#options.daemons) daemon.start();
  }

  /**
   * A daemon's state has changed. When none is left that could run again by itself, one in the foreground ends, so that whoever
   * started it learns of it. One in the background stays: nobody would look at its exit code, and there would be nobody to ask.
   */
  noteChange(): void {
    const { daemons, plan, log } = this.#options;
    if (!plan.foreground || this.isStopping || this.#restarting) return;
    if (!daemons.every((daemon) => daemon.hasGivenUp)) return;
    const code = Math.max(1, ...daemons.map((daemon) => daemon.lastExit ?? 1));
    log.error({ exit_code: code }, 'every daemon is given up');
    this.#finished.resolve(code);
  }

  /** Waits until each start has led to something, but not longer. @param patience ms */
  async settled(patience: number): Promise<void> {
    const ending = new AbortController();
    await Promise.race([
      Promise.all(this.#options.daemons.map((daemon) => daemon.settled())),
      sleep(patience, ending.signal),
    ]);
    ending.abort();
  }

  async report(): Promise<SupervisorReport> {
    const { plan, daemons } = this.#options;
    return {
      supervisor: {
        pid: process.pid,
        uptime_seconds: Math.round((performance.now() - this.#startedAt) / 1000),
        foreground: plan.foreground,
        run_directory: plan.runDirectory,
        log_directory: plan.foreground ? null : plan.logDirectory,
      },
      daemons: await Promise.all(daemons.map((daemon): Promise<DaemonReport> => daemon.report())),
    };
  }

  /**
   * Lets all daemons finish what is open, and ends. Called again, with less patience.
   * @param patience until they are killed, ms; by each daemon's own deadline unless given
   */
  stop(patience?: number): Promise<void> {
    const { daemons, log } = this.#options;
    if (this.#stopping === undefined)
      log.info(
        { daemons: daemons.map((daemon) => daemon.clientId) },
        'stopping: the daemons finish what is open',
      );
    const stopped = Promise.all(daemons.map((daemon) => daemon.stop(patience)));
    this.#stopping ??= stopped.then(() => log.info({}, 'stopped'));
    return this.#stopping;
  }

  /** After `stop`: nobody has to be answered any more. */
  finish(): void {
    const codes = this.#options.daemons.map((daemon) => daemon.lastExit ?? 0);
    this.#finished.resolve(codes.some((code) => code !== 0) ? 1 : 0);
  }

  /** Ends all daemons without letting them finish. */
  kill(): void {
    for (const daemon of this.#options.daemons) daemon.kill();
  }

  /**
   * One after the other, and each only when the one before is ready.
   * @param names of daemons; all when empty
   * @throws UnstaleError UNSTALE_RESTART_FAILED at the first that does not become ready; those behind it run on as they were
   */
  async restart(names: readonly string[], progress: Progress): Promise<readonly string[]> {
    const daemons = this.#named(names);
    if (this.isStopping) throw failed('the supervisor is stopping');
    if (this.#restarting) throw failed('another restart is under way');
    this.#restarting = true;
    try {
      for (const [index, daemon] of daemons.entries()) {
        if (this.isStopping) throw failed('the supervisor is stopping');
        progress(`${daemon.clientId}: restarting`);
        await daemon.restart(() => !this.isStopping);
        if (this.isStopping) throw failed('the supervisor is stopping');
        if (!daemon.isReady) {
          throw failed(describeFailure(daemon, daemons.slice(index + 1)));
        }
        progress(`${daemon.clientId}: ready`);
      }
      return daemons.map(({ clientId }) => clientId);
    } finally {
      this.#restarting = false;
      this.noteChange();
    }
  }

  /** @param names of daemons; all when empty */
  async reload(names: readonly string[], invalidate?: boolean): Promise<ReloadResults> {
    const daemons = this.#named(names);
    if (this.isStopping) throw new UnstaleError('UNSTALE_RELOAD_REFUSED', 'the supervisor is stopping');
    const outcomes = daemons.map(async (daemon): Promise<[string, object]> => {
      const outcome = await daemon.reload(invalidate);
      this.#options.log.info({ daemon: daemon.clientId, outcome }, 'the daemon was told to reload');
      return [daemon.clientId, outcome];
    });
    return Object.fromEntries(await Promise.all(outcomes));
  }

  watch(): void {
    for (const daemon of this.#options.daemons) daemon.watch();
  }

  forgive(): void {
    for (const daemon of this.#options.daemons) daemon.forgive();
  }

  /** @throws UnstaleError UNSTALE_USAGE for a name that no daemon has */
  #named(names: readonly string[]): readonly ManagedDaemon[] {
    const { daemons } = this.#options;
    const known = daemons.map((daemon) => daemon.clientId);
    const unknown = names.filter((name) => !known.includes(name));
    if (unknown.length > 0)
      throw new UnstaleError(
        'UNSTALE_USAGE',
        `no daemon has the client_id ${unknown.join(', ')}; there are: ${known.join(', ')}`,
      );
    return names.length === 0 ? daemons : daemons.filter((daemon) => names.includes(daemon.clientId));
  }
}

function describeFailure({ clientId, lastError }: ManagedDaemon, behind: readonly ManagedDaemon[]): string {
  const why = lastError === undefined ? 'it was stopped' : `${lastError.message} (${lastError.code})`;
  const rest = behind.map((daemon) => daemon.clientId).join(', ');
  return `${clientId} did not become ready: ${why}${rest === '' ? '' : `; not restarted: ${rest}`}`;
}

function failed(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_RESTART_FAILED', message);
}
