import type { CacheCommand } from '../change/command.ts';
import { HeldDeletes } from './held-deletes.ts';
import type { HeldDelete } from './held-deletes.ts';
import type { Log, Sleep } from './ports.ts';
import { ThrottleNotice } from './throttle-notice.ts';

/** Held keys, and batches that wait for them; then no further batch is let in. */
const MAX_HELD = 100_000;
/** Held deletes that are sent together at most. */
const MAX_RELEASED = 1000;

export interface RuleLimitsOptions {
  /** Deletes in a second, by rule. */
  readonly rates: ReadonlyMap<string, number>;
  /** Sends what was held until Redis has acknowledged it; false when it was given up. */
  readonly send: (commands: readonly CacheCommand[]) => Promise<boolean>;
  /** A send failed for good. */
  readonly onError: (error: unknown) => void;
  /** Gives up what is held. */
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly log: Log;
}

export interface Admitted {
  /** To be sent now. */
  readonly commands: readonly CacheCommand[];
  /** Of the others: true once Redis has acknowledged them, false when they were given up. */
  readonly held?: Promise<boolean>;
}

interface LimitedRule {
  readonly deletes: HeldDeletes;
  readonly notice: ThrottleNotice;
  releasing: boolean;
}

/** Delays the deletes of rules that exceed their rate. Drops none: who wants them has to wait for `held`. */
export class RuleLimits {
  readonly #options: RuleLimitsOptions;
  readonly #rules: ReadonlyMap<string, LimitedRule>;
  readonly #parked = new Set<(durable: boolean) => void>();
  readonly #waitingForRoom: (() => void)[] = [];
  /** Released ones count until Redis has acknowledged them. */
  #held = 0;

  constructor(options: RuleLimitsOptions) {
    this.#options = options;
    this.#rules = new Map(
      [...options.rates].map(([rule, rate]) => [
        rule,
        {
          deletes: new HeldDeletes(rate),
          notice: new ThrottleNotice({ rule, max_deletes_per_second: rate }, options),
          releasing: false,
        },
      ]),
    );
    options.signal.addEventListener('abort', () => this.#giveUp(), { once: true });
  }

  /** Deletes that wait. */
  get held(): number {
    return this.#held;
  }

  /** Deletes of one rule that wait. */
  heldOf(rule: string): number {
    return this.#rules.get(rule)?.deletes.size ?? 0;
  }

  /** Waits until more may be held; false when it was given up. */
  async room(): Promise<boolean> {
    while (this.#held + this.#parked.size >= MAX_HELD && !this.#options.signal.aborted) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
    return !this.#options.signal.aborted;
  }

  /** Changes the rates of some rules, for what they hold too: within a second it goes at the new rate. */
  retune(rates: ReadonlyMap<string, number>): void {
    for (const [rule, rate] of rates) this.#rules.get(rule)?.deletes.retune(rate, this.#options.now());
  }

  /** Lets through what the rates allow and holds the rest. The changes must be visible. */
  admit(commands: readonly CacheCommand[]): Admitted {
    const passed: CacheCommand[] = [];
    const last = new Map<LimitedRule, HeldDelete>();
    for (const command of commands) {
      const rule = this.#rules.get(command.rule);
      if (rule === undefined || command.kind !== 'delete' || rule.deletes.passes(this.#options.now())) {
        passed.push(command);
        continue;
      }
      const before = rule.deletes.size;
      const held = rule.deletes.hold(command);
      this.#held += rule.deletes.size - before;
      rule.notice.delayed(1);
      if (held.ordinal > (last.get(rule)?.ordinal ?? 0)) last.set(rule, held);
    }
    if (last.size === 0) return { commands: passed };
    return { commands: passed, held: this.#park(last) };
  }

  /** Lets through what the rates allow and forgets the rest, for commands that will come again. */
  admitSome(commands: readonly CacheCommand[]): readonly CacheCommand[] {
    return commands.filter((command) => {
      const rule = this.#rules.get(command.rule);
      return rule === undefined || command.kind !== 'delete' || rule.deletes.passes(this.#options.now());
    });
  }

  /** A rule's deletes are acknowledged in order, so that its last one stands for all. */
  #park(last: ReadonlyMap<LimitedRule, HeldDelete>): Promise<boolean> {
    return new Promise((resolve) => {
      let open = last.size;
      const settle = (durable: boolean): void => {
        this.#parked.delete(settle);
        resolve(durable);
      };
      this.#parked.add(settle);
      for (const [rule, { waiters }] of last) {
        waiters.push(() => {
          open -= 1;
          if (open === 0) settle(true);
        });
        if (rule.releasing) continue;
        rule.releasing = true;
        this.#release(rule).catch(this.#options.onError);
      }
      if (this.#options.signal.aborted) settle(false);
    });
  }

  async #release(rule: LimitedRule): Promise<void> {
    const { deletes, notice } = rule;
    const { send, signal, sleep, now } = this.#options;
    try {
      while (deletes.size > 0 && !signal.aborted) {
        const released = deletes.release(MAX_RELEASED, now());
        if (released.length === 0) {
          notice.delayed(0);
          await sleep(deletes.delay(now()), signal);
          continue;
        }
        if (!(await send(released.map(({ command }) => command)))) return;
        this.#held -= released.length;
        for (const { waiters } of released) for (const done of waiters) done();
        for (const wake of this.#waitingForRoom.splice(0)) wake();
      }
    } finally {
      // At once: what is held a moment later has to find that nobody releases any more.
      rule.releasing = false;
    }
  }

  #giveUp(): void {
    for (const settle of this.#parked) settle(false);
    for (const wake of this.#waitingForRoom.splice(0)) wake();
  }
}
