import type { CacheCommand } from '../change/command.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import type { Sleep } from './ports.ts';

/** Deletes that wait for their repetition; then nothing more is sent. */
const MAX_WAITING = 100_000;

export interface RedeletesOptions {
  /** Delays of repetitions in ms, rising, by rule. */
  readonly delays: ReadonlyMap<string, readonly number[]>;
  /** Sends until Redis has acknowledged; false when it was given up. */
  readonly send: (commands: readonly CacheCommand[]) => Promise<boolean>;
  /** Gives up what waits. */
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly now: () => number;
}

/**
 * Repeats deletes after a while, against an application that writes what it read before the change without a lease.
 * What waits is not done: its position is not stored before the last repetition, so that a restart repeats it.
 */
export class Redeletes {
  readonly #options: RedeletesOptions;
  readonly #waitingForRoom: (() => void)[] = [];
  #waiting = 0;

  constructor(options: RedeletesOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#wakeAll(), { once: true });
  }

  /** Deletes that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Waits until more may wait; false when it was given up. */
  async room(): Promise<boolean> {
    while (this.#waiting >= MAX_WAITING && !this.#options.signal.aborted) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
    return !this.#options.signal.aborted;
  }

  /**
   * Repeats those of the commands whose rules want it, once `first` has resolved with true. Resolves with true after
   * the last repetition, with false when it was given up. Undefined if there is nothing to repeat.
   */
  repeat(
    commands: readonly CacheCommand[],
    first: Promise<boolean> | undefined,
  ): Promise<boolean> | undefined {
    const { delays } = this.#options;
    const due = new Map<number, CacheCommand[]>();
    let count = 0;
    for (const command of commands) {
      const wanted = command.kind === 'delete' ? delays.get(command.rule) : undefined;
      if (wanted === undefined) continue;
      count += 1;
      for (const delay of wanted) {
        const others = due.get(delay);
        if (others === undefined) due.set(delay, [command]);
        else others.push(command);
      }
    }
    if (count === 0) return undefined;
    this.#waiting += count;
    return this.#repeatAt(due, first).finally(() => {
      this.#waiting -= count;
      this.#wakeAll();
    });
  }

  async #repeatAt(
    due: ReadonlyMap<number, readonly CacheCommand[]>,
    first: Promise<boolean> | undefined,
  ): Promise<boolean> {
    if ((await first) === false) return false;
    const { send, signal, sleep, now } = this.#options;
    const start = now();
    for (const [delay, commands] of [...due].toSorted(([one], [other]) => one - other)) {
      const left = start + delay - now();
      if (left > 0) await sleep(left, signal);
      if (signal.aborted || !(await send(commands))) return false;
    }
    return true;
  }

  #wakeAll(): void {
    for (const wake of this.#waitingForRoom.splice(0)) wake();
  }
}

/** The delays of a plan's rules, by rule; only of those that have some. */
export function redeletesOf({ rules }: MappingPlan): ReadonlyMap<string, readonly number[]> {
  const delays = new Map<string, readonly number[]>();
  for (const rule of rules) {
    if (rule.kind === 'table' && rule.redelete !== undefined) delays.set(rule.id, rule.redelete);
  }
  return delays;
}
