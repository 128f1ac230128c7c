import type { Log, Sleep } from '../pipeline/ports.ts';
import { SessionLease } from './held-lease.ts';
import type { HeldLease } from './held-lease.ts';
import type { Leader, LeaderLock } from './leader-lock.ts';
import { now } from './validity.ts';

export interface CandidateOptions {
  readonly lock: LeaderLock;
  /** `host:pid` of this process. */
  readonly holder: string;
  /** Where its admin server listens; undefined if it has none. */
  readonly adminAddress: () => string | undefined;
  /** After so long without a statement the server ends the session and frees the lock, ms. */
  readonly timeout: number;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** Longest wait for the lock in one statement, s: a leader that ends is followed at once. */
const WAIT = 1;

/** One of any number of daemons that would lead. */
export class Candidate {
  readonly #options: CandidateOptions;
  #lease: SessionLease | undefined;
  #losses = 0;
  #leader: Leader | undefined;
  #answered = false;

  constructor(options: CandidateOptions) {
    this.#options = options;
  }

  /** Who led when it was looked last. */
  get leader(): Leader | undefined {
    return this.#leader;
  }

  /** Whether the server of the lock answered last time. */
  get isAnswered(): boolean {
    return this.#answered;
  }

  /**
   * Tries once to become the leader, for about a second at most; undefined while another one leads.
   * @throws UnstaleError of the state tables
   */
  async claim(): Promise<HeldLease | undefined> {
    try {
      const lease = await this.#claim();
      this.#answered = true;
      return lease;
    } catch (error) {
      this.#answered = false;
      throw error;
    }
  }

  /** The connection of the lock's session is gone. */
  connectionLost(): void {
    this.#losses += 1;
    this.#lease?.connectionLost();
  }

  async #claim(): Promise<HeldLease | undefined> {
    const { lock, holder, adminAddress } = this.#options;
    const losses = this.#losses;
    if (!(await lock.take(WAIT))) {
      this.#leader = (await lock.look()).leader;
      return undefined;
    }
    const since = now();
    const self = { holder, adminAddress: adminAddress() };
    const token = await lock.announce(self, this.#leader?.token ?? 0).catch(async (error: unknown) => {
      // Who cannot say that it leads must not keep others from it.
      await lock.release().catch(() => undefined);
      throw error;
    });
    // The number is used up then; the next one is as good.
    if (token === undefined || losses !== this.#losses) return undefined;
    this.#leader = { ...self, token };
    this.#lease = new SessionLease({ ...this.#options, self, token, since });
    return this.#lease;
  }
}
