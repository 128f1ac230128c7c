import { gtidField } from '../../change/gtids.ts';
import type { CommitMark } from '../../change/source-event.ts';
import { asUnstaleError, UnstaleError } from '../../errors/unstale-error.ts';
import type { Log, Sleep, SqlClient, Visibility } from '../../pipeline/ports.ts';
import { readServerFacts } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';
import { createGtidBarrier } from './gtid-barrier.ts';
import { createReplicaBarrier } from './replica-barrier.ts';
import type { ServerBarrier } from './server-barrier.ts';
import { createSnapshotBarrier } from './snapshot-barrier.ts';

/** A server on which changes have to be visible. */
export interface BarrierServer {
  /** `host:port`, for messages. */
  readonly name: string;
  /**
   * Its statements have a deadline a little behind the barrier's timeout, and it has a connection for each
   * batch that may wait at the same time.
   */
  readonly client: SqlClient;
  /** Whether the server with this identity is the one whose binlog is read, now. */
  readonly isSource: (serverUuid: string) => boolean;
}

export interface AskedServerOptions extends BarrierServer {
  /** Longest wait, ms; connecting comes on top. */
  readonly timeout: number;
  readonly sleep: Sleep;
  readonly log: Log;
}

/**
 * For how long an answer may be used again, ms. During a catch-up it saves nearly every round trip; the bound
 * is for a server that is replaced or reset, whose old GTIDs and positions mean nothing any more.
 */
const REMEMBER = 1000;

const UNKNOWABLE: ServerBarrier = { pass: () => Promise.resolve('unknowable'), forget: () => undefined };

/** One server of the barrier: how it is asked, what it told lately, and whether it is in doubt. */
export class AskedServer {
  readonly #options: AskedServerOptions;
  #facts: ServerFacts | undefined;
  #wasSource = false;
  #method: ServerBarrier | undefined;
  #rememberUntil = 0;
  #state: Visibility = 'visible';

  constructor(options: AskedServerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** What the last question led to; `visible` before the first one. */
  get state(): Visibility {
    return this.#state;
  }

  /** Never rejects. */
  async pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility> {
    try {
      const method = await this.#choose();
      const visibility = await method.pass(marks, signal);
      if (!signal.aborted) this.#note(visibility, marks);
      return visibility;
    } catch (error) {
      if (!signal.aborted) this.#note('unknown', marks, asUnstaleError(error));
      return 'unknown';
    }
  }

  async #choose(): Promise<ServerBarrier> {
    const now = performance.now();
    if (now > this.#rememberUntil) {
      this.#rememberUntil = now + REMEMBER;
      this.#method?.forget();
      // GTIDs mean the same on every MySQL server; the other ways depend on which server answers.
      if (this.#facts?.flavour !== 'mysql' || !this.#facts.gtidEnabled) this.#facts = undefined;
    }
    const known = this.#facts;
    const facts = known ?? (await readServerFacts(this.#options.client));
    const isSource = this.#options.isSource(facts.serverUuid);
    if (this.#method === undefined || known === undefined || isSource !== this.#wasSource) {
      this.#facts = facts;
      this.#wasSource = isSource;
      this.#method = this.#create(facts, isSource);
    }
    return this.#method;
  }

  #create({ flavour, gtidEnabled, serverId }: ServerFacts, isSource: boolean): ServerBarrier {
    const { client, timeout, sleep } = this.#options;
    if (flavour === 'mysql') return gtidEnabled ? createGtidBarrier(client, timeout) : UNKNOWABLE;
    return isSource
      ? createSnapshotBarrier(client, timeout, sleep)
      : createReplicaBarrier(client, timeout, serverId);
  }

  #note(visibility: Visibility, marks: readonly CommitMark[], cause?: UnstaleError): void {
    if (visibility === this.#state) return;
    this.#state = visibility;
    const { log, timeout, name: server } = this.#options;
    switch (visibility) {
      case 'visible':
        log.info({ server }, 'the visibility barrier passes again');
        break;
      case 'unknowable':
        log.warn(
          { server, code: 'UNSTALE_BARRIER_UNAVAILABLE' },
          'the server cannot tell when a change is visible: each delete is repeated one second later',
        );
        break;
      case 'unknown': {
        const err =
          cause === undefined
            ? new UnstaleError('UNSTALE_BARRIER_TIMEOUT', `changes are not visible after ${timeout} ms`)
            : new UnstaleError('UNSTALE_BARRIER_FAILED', cause.message, { cause });
        log.warn(
          { server, err, code: err.code, ...gtidField(marks) },
          'deletes are sent before their changes are known to be visible',
        );
        break;
      }
    }
  }
}
