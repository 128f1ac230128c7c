import type { Daemon } from './daemon.ts';
import { RefusedConfig } from './config/errors.ts';
import type { UnstaleError } from './errors/unstale-error.ts';
import { withDeadline } from './runtime/deadline.ts';
import { isRecord, isSupervisorMessage } from './runtime/supervised-messages.ts';
import type { DaemonMessage, SupervisorMessage } from './runtime/supervised-messages.ts';

/** For the last message, ms: a supervisor that does not take it must not keep the daemon from ending. */
const LAST_MESSAGE = 1000;

/** Rates are of about the last so many pings. */
const SAMPLES = 3;

interface Sample {
  readonly at: number;
  readonly transactions: number;
  readonly rowChanges: number;
}

/** The daemon's end of the channel to its supervisor. */
export class SupervisorLink {
  #daemon: Daemon | undefined;
  #samples: Sample[] = [];

  constructor() {
    process.on('message', (message) => {
      if (isSupervisorMessage(message)) void this.#answer(message);
    });
  }

  /** The supervisor is gone without having said so. */
  onLost(listener: () => void): void {
    process.once('disconnect', listener);
  }

  /** The daemon follows changes or stands by, and can be asked. @param shutdownTimeout ms */
  ready(daemon: Daemon, shutdownTimeout: number): void {
    this.#daemon = daemon;
    this.#sample();
    const status = daemon.status();
    const state = 'state' in status ? String(status.state) : 'running';
    void this.#send({ type: 'ready', state, shutdownTimeout });
  }

  /** Tells why the process is about to end; resolves when that is on its way. */
  async ended(error: UnstaleError): Promise<void> {
    const { hint, directive, exitCode } = error.policy;
    const { files, directories } = (error instanceof RefusedConfig ? error.sources : undefined) ?? {
      files: [],
      directories: [],
    };
    const { code, message } = error;
    const sent = this.#send({ type: 'ended', code, message, hint, directive, exitCode, files, directories });
    await withDeadline(sent, LAST_MESSAGE, () => new Error('late')).catch(() => undefined);
  }

  async #answer(message: SupervisorMessage): Promise<void> {
    switch (message.type) {
      case 'ping':
        this.#sample();
        return this.#send({ type: 'pong' });
      case 'status':
        if (this.#daemon === undefined) return;
        return this.#send({
          type: 'status',
          id: message.id,
          status: { ...this.#daemon.status(), rates: this.#rates() },
        });
      case 'reload': {
        const { id, invalidate } = message;
        const outcome = await this.#daemon?.reload({ by: 'request', invalidate });
        if (outcome !== undefined) await this.#send({ type: 'reloaded', id, outcome });
      }
    }
  }

  #sample(): void {
    const sample = this.#count();
    if (sample === undefined) return;
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  #count(): Sample | undefined {
    const status = this.#daemon?.status();
    const totals = status !== undefined && 'totals' in status ? status.totals : undefined;
    if (!isRecord(totals)) return undefined;
    const { transactions, rows: rowChanges } = totals;
    if (typeof transactions !== 'number' || typeof rowChanges !== 'number') return undefined;
    return { at: performance.now(), transactions, rowChanges };
  }

  #rates(): object | null {
    const [first] = this.#samples;
    const now = this.#count();
    if (first === undefined || now === undefined) return null;
    const seconds = (now.at - first.at) / 1000;
    if (seconds < 0.5) return null;
    const rate = (from: number, to: number): number => Math.round(((to - from) / seconds) * 10) / 10;
    return {
      transactions_per_second: rate(first.transactions, now.transactions),
      row_changes_per_second: rate(first.rowChanges, now.rowChanges),
    };
  }

  #send(message: DaemonMessage): Promise<void> {
    return new Promise((resolve) => {
      if (process.send === undefined || !process.connected) resolve();
      else process.send(message, undefined, undefined, () => resolve());
    });
  }
}
