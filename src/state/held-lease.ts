import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Log, Sleep, WriteGate } from '../pipeline/ports.ts';
import type { Leader, LeaderLock } from './leader-lock.ts';
import { now, Validity } from './validity.ts';
import type { Moment } from './validity.ts';

/** A term's right to lead. The gate is open while nobody else can lead. */
export interface HeldLease extends WriteGate {
  /** The number of this term, higher than that of every one before; 0 where no lock was taken. */
  readonly token: number;
  /** How long nobody else can lead, as far as is known now, ms; 0 if that is not known. */
  left(): number;
  /** Resolves with UNSTALE_LEASE_LOST when another has led meanwhile; never where that does not come. */
  readonly lost: Promise<UnstaleError>;
  /**
   * Asks the server once more; resolves with whether the lease is held. Takes as long as the server is away; undefined
   * when the signal aborts before.
   */
  confirm(signal: AbortSignal): Promise<boolean | undefined>;
  /** Lets another lead. Never rejects. */
  release(): Promise<void>;
}

/** Of a daemon that changes nothing, and therefore has nobody to agree with. */
export const UNLEASED: HeldLease = {
  token: 0,
  isOpen: () => true,
  opened: () => Promise.resolve(),
  left: () => Infinity,
  lost: new Promise(() => undefined),
  confirm: () => Promise.resolve(true),
  release: () => Promise.resolve(),
};

export interface SessionLeaseOptions {
  readonly lock: LeaderLock;
  readonly self: Omit<Leader, 'token'>;
  readonly token: number;
  /** After so long without a statement the server ends the session and frees the lock, ms. */
  readonly timeout: number;
  /** When a statement was sent that was answered by the session with the lock. */
  readonly since: Moment;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** What is kept for the way of a command to Redis, and for clocks that do not run alike, as a part of the timeout. */
const MARGIN = 0.1;
/** Statements in the time of the timeout that keep the session. */
const PINGS = 5;
/** Before a server that did not answer is asked again, ms. */
const RETRY = 200;
/** Longest wait for the lock in one statement, s. */
const WAIT = 1;

/**
 * The lease of a session: it holds as long as the server keeps the session that has the lock. It ends at once when the
 * connection is lost, and after `timeout` without an answer at the latest. Then the lock is taken again as soon as that
 * can be; if nobody has led in between, everything goes on where it was, else the lease is lost for good.
 */
export class SessionLease implements HeldLease {
  readonly token: number;
  readonly lost: Promise<UnstaleError>;
  readonly #options: SessionLeaseOptions;
  readonly #validity: Validity;
  readonly #loseForGood: (error: UnstaleError) => void;
  readonly #keeping: Promise<void>;
  #state: 'held' | 'lost' | 'released' = 'held';
  /** Counts the answers that confirmed the lease. */
  #confirmed = 0;
  /** Counts the connections that were lost. */
  #losses = 0;
  #unsure = false;
  #nudge = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(options: SessionLeaseOptions) {
    this.#options = options;
    this.token = options.token;
    this.#validity = new Validity(options.timeout * (1 - MARGIN));
    this.#validity.extend(options.since);
    const { promise, resolve } = Promise.withResolvers<UnstaleError>();
    this.lost = promise;
    this.#loseForGood = resolve;
    this.#keeping = this.#keep();
  }

  isOpen(): boolean {
    return this.left() > 0;
  }

  left(): number {
    return this.#state === 'held' ? this.#validity.left(now()) : 0;
  }

  async opened(signal: AbortSignal): Promise<void> {
    while (!this.isOpen() && !signal.aborted) {
      // It may only have slept: then the server still knows the session.
      if (this.#state === 'held') this.#hurry();
      await this.#change(signal);
    }
  }

  async confirm(signal: AbortSignal): Promise<boolean | undefined> {
    // What is under way now may have been answered before.
    const wanted = this.#confirmed + 2;
    while (this.#state === 'held' && this.#confirmed < wanted) {
      if (signal.aborted) return undefined;
      this.#hurry();
      await this.#change(signal);
    }
    return this.#state === 'held';
  }

  /** The connection of the session is gone, and the lock with it. */
  connectionLost(): void {
    if (this.#state !== 'held') return;
    this.#losses += 1;
    this.#validity.end();
    this.#hurry();
  }

  async release(): Promise<void> {
    const held = this.#state === 'held';
    if (held) this.#state = 'released';
    this.#hurry();
    this.#changed();
    await this.#keeping;
    if (held) await this.#options.lock.release().catch(() => undefined);
  }

  /** Asks in time, for as long as the lease is held. */
  async #keep(): Promise<void> {
    const { sleep, timeout } = this.#options;
    while (this.#state === 'held') {
      const answered = await this.#ask();
      const pause = answered ? timeout / PINGS : RETRY;
      // What came while the answer was under way is asked for again at once.
      if (answered || !this.#nudge.signal.aborted) await sleep(pause, this.#nudge.signal);
      else await sleep(RETRY, new AbortController().signal);
      this.#nudge = new AbortController();
    }
  }

  /** Whether it is settled who leads. */
  async #ask(): Promise<boolean> {
    const { lock } = this.#options;
    try {
      const [sent, losses] = [now(), this.#losses];
      const { mine, leader } = await lock.look();
      const newest = leader?.token ?? 0;
      if (newest > this.token) {
        await this.#lose(leader, mine);
        return true;
      }
      if (mine && newest === this.token) {
        if (losses === this.#losses) this.#confirm(sent);
        return true;
      }
      this.#noteUnsure('the session that held the lock has ended');
      if (mine) await this.#announceAgain();
      else if (!(await lock.take(WAIT)) && newest !== this.token) await this.#lose(leader, false);
      // What came of it is looked at: somebody may have led, and the connection may be a new one again.
      this.#hurry();
      return true;
    } catch (error) {
      this.#noteUnsure(asUnstaleError(error).message);
      return false;
    }
  }

  #confirm(sent: Moment): void {
    if (this.#state !== 'held') return;
    this.#validity.extend(sent);
    this.#confirmed += 1;
    if (this.#unsure)
      this.#options.log.info({ fencing_token: this.token }, 'leading again: nobody has led in between');
    this.#unsure = false;
    this.#changed();
  }

  /** The tables were set back, as by a failover of their server to a replica that was behind: nobody has led since. */
  async #announceAgain(): Promise<void> {
    const { lock, self, log } = this.#options;
    await lock.announce(self, this.token - 1);
    log.warn({ fencing_token: this.token }, 'the state tables did not know of this leader; now they do');
  }

  async #lose(leader: Leader | undefined, mine: boolean): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = 'lost';
    const by = leader === undefined ? 'the state tables know of no leader' : `${leader.holder} has led since`;
    this.#loseForGood(
      new UnstaleError('UNSTALE_LEASE_LOST', `the lease ${this.token} of this daemon is lost: ${by}`),
    );
    this.#changed();
    if (mine) await this.#options.lock.release().catch(() => undefined);
  }

  #noteUnsure(reason: string): void {
    if (this.#unsure || this.#state !== 'held') return;
    this.#unsure = true;
    this.#options.log.warn(
      { reason, valid_for_ms: Math.round(this.left()) },
      'it is not certain whether this daemon still leads: when its lease has run out nothing is applied until that is known',
    );
  }

  #hurry(): void {
    this.#nudge.abort();
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
