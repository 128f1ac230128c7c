import { asUnstaleError } from '../errors/unstale-error.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import type { Log, RetryDelay, WriteGate } from '../pipeline/ports.ts';
import { sleep } from '../runtime/sleep.ts';
import type { Candidate } from '../state/candidate.ts';
import { UNLEASED } from '../state/held-lease.ts';
import type { HeldLease } from '../state/held-lease.ts';
import type { Term } from './term.ts';

/** How far a daemon is. */
export type Phase = 'starting' | 'standby' | 'running' | 'draining' | 'stopped';

export interface LeadershipOptions {
  /** Undefined for a daemon that changes nothing, and needs no lock. */
  readonly candidate: Candidate | undefined;
  /** Makes a term, which is not open yet, of the configuration in force. */
  readonly createTerm: (lease: HeldLease) => Term;
  readonly retryDelay: RetryDelay;
  readonly log: Log;
}

/** What a term may end with because another daemon leads. */
const OF_ANOTHER_LEADER: ReadonlySet<string> = new Set(['UNSTALE_LEASE_LOST', 'UNSTALE_SERVER_ID_CLASH']);
/** What a daemon that stands by waits for the end of: the server of the state may be about to be promoted. */
const WAITED_FOR: ReadonlySet<string> = new Set(['UNSTALE_STATE_READ_ONLY']);
/** Longest wait for the lock to be given back at the end, ms: the end of the connection frees it too. */
const RELEASE_PATIENCE = 1000;
/**
 * So long after it was taken over, ms, the leader before may push the new one off the binlog: it may have been connecting
 * when it was cut off, and finds out later that it does not lead. Once it is borne.
 */
const SUCCESSION = 60_000;

/** Leads while it may, and stands by while it may not: one term after the other, until it is stopped. */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #stopping = new AbortController();
  #phase: Phase = 'starting';
  #term: Term | undefined;
  #begun: Term | undefined;
  #lease: HeldLease | undefined;
  #opening: Promise<void> | undefined;
  #fatal: UnstaleError | undefined;
  #standingBehind: string | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The present one, once it is open; undefined while standing by. */
  get term(): Term | undefined {
    return this.#term;
  }

  /** The same, but from when it begins to open. */
  get begun(): Term | undefined {
    return this.#term ?? this.#begun;
  }

  get lease(): HeldLease | undefined {
    return this.#lease;
  }

  /** Whether this daemon leads, and knows that it does; one that changes nothing never leads. */
  get leads(): boolean {
    return this.#options.candidate !== undefined && this.#term !== undefined && this.gate.isOpen();
  }

  /** Open while this daemon holds the lease, whatever the term. */
  readonly gate: WriteGate = {
    isOpen: () => this.#lease?.isOpen() === true,
    opened: async (signal) => this.#lease?.opened(signal),
  };

  /** What ends the daemon, as soon as that is certain. */
  get fatal(): UnstaleError | undefined {
    if (this.#fatal !== undefined) return this.#fatal;
    const failure = this.#term?.failure;
    return failure === undefined || OF_ANOTHER_LEADER.has(failure.code) ? undefined : failure;
  }

  /** Aborts when the daemon is stopped. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Resolves when no term is being opened: what is asked of one then finds it, or that there is none. */
  async settled(): Promise<void> {
    while (this.#opening !== undefined) await this.#opening.catch(() => undefined);
  }

  /**
   * Resolves when this daemon leads, or stands by because another one leads.
   * @throws UnstaleError when neither can be
   */
  async begin(): Promise<void> {
    const lease = await this.#claim();
    if (lease === undefined) {
      this.#standBy();
      return;
    }
    try {
      await this.#open(lease);
    } catch (thrown) {
      await this.#release();
      const error = asUnstaleError(thrown);
      if (error.code !== 'UNSTALE_LEASE_LOST') throw error;
      this.#standBy();
    }
  }

  /**
   * Goes on until it is stopped.
   * @throws UnstaleError that ended a term, unless it is that another daemon leads
   */
  async run(): Promise<void> {
    try {
      while (!this.#stopping.signal.aborted) {
        if (this.#term === undefined && !(await this.#follow())) continue;
        await this.#work();
      }
    } catch (error) {
      this.#fatal = asUnstaleError(error);
      throw this.#fatal;
    } finally {
      this.#phase = 'draining';
      await this.#release();
    }
  }

  /** Ends it in order; see `Term.stop`. */
  stop(): void {
    if (this.#stopping.signal.aborted) return;
    this.#phase = 'draining';
    this.#stopping.abort();
    if (this.#term === undefined) this.#options.log.info({}, 'stopping while standing by');
    else this.#term.stop();
  }

  ended(): void {
    this.#phase = 'stopped';
  }

  /** Waits until this daemon may lead, and begins a term; false when it has to be tried again, or was stopped. */
  async #follow(): Promise<boolean> {
    const { log, retryDelay } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const lease = this.#lease ?? (await this.#claim());
        if (lease === undefined) {
          attempt = 0;
          this.#standBy();
          continue;
        }
        if (signal.aborted) return false;
        await this.#open(lease);
        return true;
      } catch (thrown) {
        const error = asUnstaleError(thrown);
        if (signal.aborted) return false;
        const passes = WAITED_FOR.has(error.code) || (await this.#endsTheTermOnly(error, performance.now()));
        if (!passes && error.policy.directive !== 'retry') throw error;
        if (attempt === 1) log.warn({ err: error }, 'cannot lead yet; trying again');
        await retryDelay(attempt, signal);
      }
    }
    return false;
  }

  async #claim(): Promise<HeldLease | undefined> {
    const { candidate, log } = this.#options;
    if (candidate === undefined) {
      this.#lease = UNLEASED;
      return UNLEASED;
    }
    const lease = await candidate.claim();
    if (lease === undefined) return undefined;
    this.#lease = lease;
    log.info(
      { holder: candidate.leader?.holder, fencing_token: lease.token },
      'leading: no other daemon of this client_id does',
    );
    return lease;
  }

  #standBy(): void {
    const { candidate, log } = this.#options;
    if (this.#stopping.signal.aborted) return;
    this.#phase = 'standby';
    const holder = candidate?.leader?.holder ?? 'another daemon';
    if (this.#standingBehind === holder) return;
    this.#standingBehind = holder;
    log.info({ holder, admin_address: candidate?.leader?.adminAddress }, `standing by: ${holder} leads`);
  }

  async #open(lease: HeldLease): Promise<void> {
    this.#phase = 'starting';
    this.#standingBehind = undefined;
    const term = this.#options.createTerm(lease);
    this.#begun = term;
    this.#opening = term.open(this.#stopping.signal);
    try {
      await this.#opening;
      this.#term = term;
    } finally {
      this.#opening = undefined;
      this.#begun = undefined;
    }
    this.#phase = 'running';
    if (this.#stopping.signal.aborted) {
      this.#phase = 'draining';
      term.stop();
    }
  }

  /** Works until the term ends. @throws UnstaleError that ends more than the term */
  async #work(): Promise<void> {
    const { log } = this.#options;
    const began = performance.now();
    try {
      await this.#term?.run();
    } catch (thrown) {
      const error = asUnstaleError(thrown);
      if (!(await this.#endsTheTermOnly(error, began))) throw error;
      log.warn({ err: error }, 'the term of leadership ends');
    } finally {
      this.#term = undefined;
    }
  }

  async #endsTheTermOnly(error: UnstaleError, began: number): Promise<boolean> {
    if (error.code === 'UNSTALE_LEASE_LOST') {
      await this.#release();
      return true;
    }
    if (error.code !== 'UNSTALE_SERVER_ID_CLASH') return false;
    // Whoever reads the binlog in our place may be the next leader.
    const held = await this.#lease?.confirm(this.#stopping.signal);
    if (held === false) {
      await this.#release();
      return true;
    }
    return held === true && this.#hasPredecessor && performance.now() - began < SUCCESSION && !this.#bore();
  }

  /** Numbers begin with 1, and a daemon without a lock has 0. */
  get #hasPredecessor(): boolean {
    return (this.#lease?.token ?? 0) > 1;
  }

  #borne = false;

  /** Whether this lease has borne it before. */
  #bore(): boolean {
    const before = this.#borne;
    this.#borne = true;
    return before;
  }

  async #release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    this.#borne = false;
    await Promise.race([lease?.release(), sleep(RELEASE_PATIENCE)]);
  }
}
