import type { CacheCommand, CommandBatch } from '../change/command.ts';
import { gtidField } from '../change/gtids.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import { coalesceAll } from './coalesce.ts';
import { GlobalLimit } from './global-limit.ts';
import type { PipelineObserver } from './observer.ts';
import type { CommandSink, Log, LookupRunner, RetryDelay, Sleep } from './ports.ts';
import { Redeletes } from './redeletes.ts';
import { RuleLimits } from './rule-limits.ts';

/** Deletes in a second: of all rules together, and of single ones by their place, e.g. `rules[0]`. */
export interface RateLimits {
  readonly global?: number;
  readonly rules: ReadonlyMap<string, number>;
}

export interface DeliveryOptions {
  readonly sink: CommandSink;
  /** Undefined only for a plan without lookups. */
  readonly lookups: LookupRunner | undefined;
  readonly rateLimits: RateLimits | undefined;
  /** Delays in ms after which deletes are repeated, by rule. */
  readonly redeletes: ReadonlyMap<string, readonly number[]>;
  /** Commands that are sent together at most. */
  readonly maxCommands: number;
  /** Ends everything. */
  readonly abort: AbortSignal;
  /** Ends what waits for a limit. */
  readonly drain: AbortSignal;
  readonly retryDelay: RetryDelay;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly observer: PipelineObserver;
  readonly log: Log;
  /** What was held back could not be sent for good. */
  readonly onError: (error: unknown) => void;
}

/** A batch is on its way: `held` tells about the part that waits for its rule's limit. */
export interface Delivered {
  readonly held?: Promise<boolean>;
}

/** Brings batches to Redis: asks their lookups, keeps to the limits, and retries until Redis has acknowledged. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #global: GlobalLimit | undefined;
  readonly #rules: RuleLimits | undefined;
  readonly #redeletes: Redeletes | undefined;
  #retrying = 0;

  constructor(options: DeliveryOptions) {
    const { rateLimits, redeletes, drain, sleep, now, log, onError } = options;
    this.#options = options;
    const tools = { signal: drain, sleep, now, log };
    if (rateLimits?.global !== undefined) {
      this.#global = new GlobalLimit({ rate: rateLimits.global, ...tools });
    }
    const later = { seq: 0, commands: [], lookups: [], bytes: 0, marks: [] };
    if (redeletes.size > 0) {
      const send = (commands: readonly CacheCommand[]): Promise<boolean> => this.#send(later, commands);
      this.#redeletes = new Redeletes({ delays: redeletes, send, signal: drain, sleep, now });
    }
    if (rateLimits !== undefined && rateLimits.rules.size > 0) {
      this.#rules = new RuleLimits({
        rates: rateLimits.rules,
        send: (commands) => this.#send(later, commands),
        onError,
        ...tools,
      });
    }
  }

  /** Whether Redis did not take something, which waits for another attempt. */
  get retrying(): boolean {
    return this.#retrying > 0;
  }

  /** Deletes that wait for their rule's limit, or for their repetition. */
  get held(): number {
    return (this.#rules?.held ?? 0) + (this.#redeletes?.waiting ?? 0);
  }

  /** Deletes that wait for the limit of this rule. */
  heldOf(rule: string): number {
    return this.#rules?.heldOf(rule) ?? 0;
  }

  /** Changes the limits of some rules, for what they hold too. */
  retune(rates: ReadonlyMap<string, number>): void {
    this.#rules?.retune(rates);
  }

  /**
   * Sends a batch whose changes are visible. Resolves when Redis has acknowledged all but what the limits of rules
   * hold; undefined when it was given up, and nothing may be counted as done.
   * @throws UnstaleError when Redis refuses a command for good.
   */
  async deliver(batch: CommandBatch): Promise<Delivered | undefined> {
    const held: Promise<boolean>[] = [];
    for await (const commands of this.#rounds(batch)) {
      if (this.#rules !== undefined && !(await this.#rules.room())) return undefined;
      if (this.#redeletes !== undefined && !(await this.#redeletes.room())) return undefined;
      const admitted = this.#rules?.admit(commands) ?? { commands };
      if (!(await this.#send(batch, admitted.commands))) return undefined;
      const repeated = this.#redeletes?.repeat(commands, admitted.held);
      if (repeated !== undefined) held.push(repeated);
      else if (admitted.held !== undefined) held.push(admitted.held);
    }
    if (this.#options.abort.aborted) return undefined;
    return held.length === 0 ? {} : { held: allTrue(held) };
  }

  /**
   * Sends a batch that will be delivered again, because its changes may not be visible yet: what exceeds a rule's
   * limit is left to that. False when it was given up.
   */
  async deliverInDoubt(batch: CommandBatch): Promise<boolean> {
    for await (const commands of this.#rounds(batch)) {
      if (!(await this.#send(batch, this.#rules?.admitSome(commands) ?? commands))) return false;
    }
    return !this.#options.abort.aborted;
  }

  /** The batch's own commands with the first results, then the other results. */
  async *#rounds({ commands, lookups }: CommandBatch): AsyncGenerator<readonly CacheCommand[]> {
    if (lookups.length === 0) {
      yield commands;
      return;
    }
    const { lookups: runner, abort } = this.#options;
    if (runner === undefined) throw new TypeError('a batch has lookups that nobody runs');
    let own = commands;
    for await (const found of runner.resolve(lookups, abort)) {
      if (abort.aborted) return;
      yield coalesceAll([...own, ...found]);
      own = [];
    }
    if (own.length > 0 && !abort.aborted) yield own;
  }

  async #send(batch: CommandBatch, commands: readonly CacheCommand[]): Promise<boolean> {
    const most = Math.min(this.#options.maxCommands, this.#global?.burst ?? Infinity);
    if (commands === batch.commands && commands.length <= most && batch.lookups.length === 0) {
      return this.#apply(batch);
    }
    for (let at = 0; at < commands.length; at += most) {
      if (!(await this.#apply({ ...batch, commands: commands.slice(at, at + most), lookups: [] })))
        return false;
    }
    return true;
  }

  async #apply(sent: CommandBatch): Promise<boolean> {
    const { sink, observer, retryDelay, abort, log } = this.#options;
    const deletes =
      this.#global === undefined ? 0 : sent.commands.filter(({ kind }) => kind === 'delete').length;
    if (deletes > 0 && (await this.#global?.acquire(deletes)) === false) return false;
    for (let attempt = 1; !abort.aborted; attempt += 1) {
      const result = await sink.apply(sent, abort);
      switch (result.outcome) {
        case 'durable':
          observer.applied(sent, result);
          return true;
        case 'poisoned': {
          observer.poisoned(result.command);
          const error = asUnstaleError(result.error);
          const about = { rule: result.command.rule, code: error.code, ...gtidField(sent.marks) };
          log.error(about, 'Redis refuses a command for good; the position stays before it');
          throw error;
        }
        case 'retryable':
          observer.retry(result.error);
          log.debug({ attempt, err: result.error, ...gtidField(sent.marks) }, 'a batch is sent again');
          this.#retrying += 1;
          await retryDelay(attempt, abort).finally(() => {
            this.#retrying -= 1;
          });
          break;
      }
    }
    return false;
  }
}

async function allTrue(answers: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(answers)).every(Boolean);
}
