import { spawn } from 'node:child_process';

/** Longest time that telling it may take, ms. */
const LONGEST_NOTICE = 10_000;

/**
 * systemd, for a unit of `Type=notify`. Node.js has no datagram sockets of the file system, so that the program
 * systemd-notify(1) speaks for this process: the unit needs `NotifyAccess=all`.
 *
 * Outside of such a unit, and without that program, nothing happens.
 */
export class ServiceManager {
  readonly #environment: NodeJS.ProcessEnv;
  #last: Promise<void> = Promise.resolve();
  #waiting: string[] = [];
  #watchdog: NodeJS.Timeout | undefined;

  constructor(environment: NodeJS.ProcessEnv = process.env) {
    this.#environment = environment;
  }

  get isPresent(): boolean {
    return (this.#environment['NOTIFY_SOCKET'] ?? '') !== '';
  }

  /** What it is told, e.g. `READY=1`. In order; of several texts that wait, all go out at once. */
  notify(...assignments: readonly string[]): Promise<void> {
    if (!this.isPresent) return Promise.resolve();
    this.#waiting.push(...assignments);
    this.#last = this.#last.then(() => this.#send());
    return this.#last;
  }

  ready(status: string): Promise<void> {
    return this.notify('READY=1', `STATUS=${status}`);
  }

  reloading(): Promise<void> {
    return this.notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(): Promise<void> {
    return this.notify('STOPPING=1', 'STATUS=finishing what is open');
  }

  /** From now on it hears twice in each interval of its watchdog that this process lives, while it is healthy. */
  watch(isHealthy: () => boolean): void {
    const interval = this.#watchdogInterval();
    if (interval === undefined || this.#watchdog !== undefined) return;
    const beat = (): void => {
      if (isHealthy()) void this.notify('WATCHDOG=1');
    };
    beat();
    this.#watchdog = setInterval(beat, interval / 2);
    this.#watchdog.unref();
  }

  end(): void {
    clearInterval(this.#watchdog);
  }

  /** ms */
  #watchdogInterval(): number | undefined {
    const { WATCHDOG_USEC: micros = '', WATCHDOG_PID: pid = '' } = this.#environment;
    if (!this.isPresent || !/^[1-9]\d*$/.test(micros)) return undefined;
    // systemd may watch another process of the unit.
    return pid === '' || Number(pid) === process.pid ? Number(micros) / 1000 : undefined;
  }

  #send(): Promise<void> {
    const assignments = this.#waiting;
    this.#waiting = [];
    if (assignments.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const child = spawn('systemd-notify', assignments, {
        stdio: 'ignore',
        env: this.#environment,
        timeout: LONGEST_NOTICE,
        killSignal: 'SIGKILL',
      });
      child.once('error', () => resolve()).once('close', () => resolve());
    });
  }
}

/** The environment of processes that systemd must not take for the one that it started. */
export function withoutServiceManager(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET: _socket, WATCHDOG_USEC: _interval, WATCHDOG_PID: _watched, ...others } = environment;
  return others;
}
