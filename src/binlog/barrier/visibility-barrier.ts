import type { CommitMark } from '../../change/source-event.ts';
import { asUnstaleError, UnstaleError } from '../../errors/unstale-error.ts';
import type { Barrier, Log, Sleep, SqlClient, Visibility } from '../../pipeline/ports.ts';
import { readServerFacts } from '../server-facts.ts';
import { createGtidBarrier } from './gtid-barrier.ts';
import { createSnapshotBarrier } from './snapshot-barrier.ts';

/** How one server is asked. It may reject with UnstaleError. */
export interface ServerBarrier {
  pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility>;
  /** What the server told counts no longer. */
  forget(): void;
}

export interface VisibilityBarrierOptions {
  /**
   * The server whose binlog is read. Its statements have a deadline a little behind `timeout`, and it has a
   * connection for each batch that may wait at the same time.
   */
  readonly client: SqlClient;
  /** Longest wait, ms; connecting comes on top. */
  readonly timeout: number;
  readonly sleep: Sleep;
  readonly log: Log;
  /** A batch has waited for `seconds`. */
  readonly onWaited: (seconds: number) => void;
  /** Whether a batch's changes are visible could not be found out in time. */
  readonly onUnknown: () => void;
}

/**
 * For how long an answer may be used again, ms. During a catch-up it saves nearly every round trip; the bound
 * is for a server that is replaced or reset, whose old GTIDs and positions mean nothing any more.
 */
const REMEMBER = 1000;

/** The barrier on the source itself: by GTID on MySQL, by snapshot on MariaDB. */
export class VisibilityBarrier implements Barrier {
  readonly #options: VisibilityBarrierOptions;
  #server: ServerBarrier | undefined;
  #rememberUntil = 0;
  #state: Visibility = 'visible';

  constructor(options: VisibilityBarrierOptions) {
    this.#options = options;
  }

  async pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility> {
    if (marks.length === 0) return 'visible';
    const begun = performance.now();
    const visibility = await untilAborted(this.#ask(marks, signal), signal);
    if (signal.aborted) return visibility;
    this.#options.onWaited((performance.now() - begun) / 1000);
    if (visibility === 'unknown') this.#options.onUnknown();
    return visibility;
  }

  async #ask(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility> {
    try {
      const server = await this.#connect();
      const now = performance.now();
      if (now > this.#rememberUntil) {
        server.forget();
        this.#rememberUntil = now + REMEMBER;
      }
      const visibility = await server.pass(marks, signal);
      if (!signal.aborted) this.#note(visibility);
      return visibility;
    } catch (error) {
      if (!signal.aborted) this.#note('unknown', asUnstaleError(error));
      return 'unknown';
    }
  }

  async #connect(): Promise<ServerBarrier> {
    if (this.#server !== undefined) return this.#server;
    const { client, timeout, sleep } = this.#options;
    const { flavour } = await readServerFacts(client);
    this.#server ??=
      flavour === 'mysql'
        ? createGtidBarrier(client, timeout)
        : createSnapshotBarrier(client, timeout, sleep);
    return this.#server;
  }

  #note(visibility: Visibility, cause?: UnstaleError): void {
    if (visibility === this.#state) return;
    this.#state = visibility;
    const { log, timeout } = this.#options;
    switch (visibility) {
      case 'visible':
        log.info({}, 'the visibility barrier passes again');
        break;
      case 'unknowable':
        log.warn(
          { code: 'UNSTALE_BARRIER_UNAVAILABLE' },
          'without GTIDs nobody can tell when a change is visible: each delete is repeated one second later',
        );
        break;
      case 'unknown': {
        const err =
          cause === undefined
            ? new UnstaleError('UNSTALE_BARRIER_TIMEOUT', `changes are not visible after ${timeout} ms`)
            : new UnstaleError('UNSTALE_BARRIER_FAILED', cause.message, { cause });
        log.warn({ err, code: err.code }, 'deletes are sent before their changes are known to be visible');
        break;
      }
    }
  }
}

function untilAborted(asking: Promise<Visibility>, signal: AbortSignal): Promise<Visibility> {
  if (signal.aborted) return Promise.resolve('unknown');
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve('unknown');
    signal.addEventListener('abort', abort, { once: true });
    asking.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
