import type { CommandBatch } from '../change/command.ts';
import type { SourcePosition } from '../change/position.ts';
import type { RowChange, RowOperation } from '../change/row-change.ts';
import type { SourceEvent } from '../change/source-event.ts';
import type { TableRef } from '../change/table.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { MappingOutput, MappingPlan } from '../mapping/plan.ts';
import { Delivery } from './delivery.ts';
import type { RateLimits } from './delivery.ts';
import { DoubtfulBatches } from './doubtful-batches.ts';
import { InFlightWindow } from './in-flight-window.ts';
import type { PipelineObserver } from './observer.ts';
import { OpenBatch } from './open-batch.ts';
import type { BatchLimits } from './open-batch.ts';
import type {
  Barrier,
  ChangeSource,
  CommandSink,
  Log,
  LookupRunner,
  RetryDelay,
  Sleep,
  Visibility,
} from './ports.ts';

export interface PipelineLimits extends BatchLimits {
  /** Longest time that a change waits for company while other batches are in flight, ms. */
  readonly maxDelay: number;
  /** Batches that may wait for Redis at the same time. */
  readonly inFlight: number;
}

export interface PipelineOptions {
  readonly source: ChangeSource;
  readonly sink: CommandSink;
  readonly plan: MappingPlan;
  /** Undefined: deletes are sent without waiting until their changes are visible. */
  readonly barrier: Barrier | undefined;
  readonly limits: PipelineLimits;
  /** Undefined only for a plan without lookups. */
  readonly lookups?: LookupRunner;
  readonly rateLimits?: RateLimits;
  readonly retryDelay: RetryDelay;
  readonly sleep: Sleep;
  /** A clock in ms that never goes back; performance.now unless given. */
  readonly now?: () => number;
  readonly observer: PipelineObserver;
  readonly log: Log;
  /** Redis has acknowledged everything before `position`. */
  readonly onApplied: (position: SourcePosition) => void;
}

/** What commands that comments ask for carry in place of a rule. */
const HINT = 'hint';
/** A statement's bytes are few, but never none: a scope that takes minutes has to be seen waiting. */
const SCOPE_BYTES = 1;

/**
 * The one loop: read, map, coalesce, wait for visibility, apply, and move the position behind Redis' replies.
 *
 * An idle stream sends every change at once. While batches are in flight, changes gather in the open batch
 * until a reply arrives, `maxDelay` passes or the batch is full. When the window is full too, nothing more
 * is read, and the source holds the binlog back: memory stays bounded however long Redis is away.
 *
 * A batch whose changes may not be visible yet is sent all the same, and once more later. Until then it holds
 * the position back, but no place in the window. The same holds for deletes that wait for their rule's limit.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #window = new InFlightWindow();
  readonly #open: OpenBatch;
  readonly #mapped: MappingOutput = {
    commands: [],
    lookups: [],
    nullKeys: 0,
    keysOfTransaction: new Map(),
  };
  readonly #abort = new AbortController();
  /** Ends what only waits, when the pipeline drains. */
  readonly #drain = new AbortController();
  readonly #doubtful: DoubtfulBatches | undefined;
  readonly #delivery: Delivery;
  /** Batches of which deletes are held back. */
  #held = 0;
  #seq = 0;
  #sending = 0;
  #draining = false;
  #lingered = false;
  #linger: NodeJS.Timeout | undefined;
  #failure: UnstaleError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#open = new OpenBatch(options.limits);
    this.#delivery = new Delivery({
      sink: options.sink,
      lookups: options.lookups,
      rateLimits: options.rateLimits,
      maxCommands: options.limits.maxCommands,
      abort: this.#abort.signal,
      drain: this.#drain.signal,
      retryDelay: options.retryDelay,
      sleep: options.sleep,
      now: options.now ?? (() => performance.now()),
      observer: options.observer,
      log: options.log,
      onError: (error) => this.#fail(asUnstaleError(error)),
    });
    if (options.barrier !== undefined) this.#doubtful = new DoubtfulBatches(options.barrier, options.sleep);
  }

  /** Binlog bytes that were read and are not acknowledged by Redis. */
  get inFlightBytes(): number {
    return this.#window.bytes + this.#open.bytes;
  }

  /** Commit time of the oldest change that Redis has not acknowledged, ms since the epoch. */
  get oldestUnappliedAt(): number | undefined {
    return this.#window.oldestCommitAt ?? this.#open.oldestCommitAt;
  }

  /** Batches that are waiting for a retry because Redis did not take them. */
  get retrying(): boolean {
    return this.#delivery.retrying;
  }

  /** Deletes that wait for their rule's limit. */
  get heldDeletes(): number {
    return this.#delivery.held;
  }

  /**
   * Runs until the source is closed, then sends what was read and waits for Redis' replies. Batches that would
   * have to be repeated later, or wait for a limit of deletes, stay unacknowledged then: the next start repeats them.
   * @throws UnstaleError when the source, or Redis for good, refuses; the position stays before the trouble.
   */
  async run(): Promise<void> {
    try {
      for (;;) {
        const events = await this.#options.source.read();
        if (events.length === 0) break;
        for (const event of events) {
          this.#accept(event);
          this.#pump();
          while (this.#open.isFull && this.#failure === undefined) {
            await this.#progress();
            this.#pump();
          }
        }
        if (this.#failure !== undefined) break;
      }
    } catch (error) {
      this.#fail(asUnstaleError(error));
    }
    this.#draining = true;
    this.#drain.abort();
    this.#pump();
    while (this.#sending > 0 || this.#held > 0 || this.#doubtful?.isEmpty === false) {
      await this.#progress();
      this.#pump();
    }
    clearTimeout(this.#linger);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends a drain that takes too long: batches that Redis has not acknowledged are given up, unacknowledged. */
  abandon(): void {
    this.#fail(
      new UnstaleError('UNSTALE_DRAIN_TIMEOUT', 'stopped before Redis acknowledged everything that was read'),
    );
  }

  #accept(event: SourceEvent): void {
    switch (event.kind) {
      case 'slice': {
        const { slice } = event;
        this.#map(slice.changes);
        const hints = slice.hints ?? [];
        this.#open.add(hints.map((key) => ({ kind: 'delete', key, rule: HINT })));
        if (slice.changes.length > 0 || hints.length > 0) this.#open.mark(slice.mark);
        this.#open.account(slice.bytes, slice.committedAt);
        if (slice.resumeAfter !== undefined) {
          this.#open.endAt(slice.resumeAfter);
          this.#mapped.keysOfTransaction.clear();
          this.#options.observer.transaction();
        }
        break;
      }
      case 'scope':
        this.#open.add(this.#options.plan.scopes(event.tables, event.reason));
        if (event.mark !== undefined) this.#open.mark(event.mark);
        this.#open.account(SCOPE_BYTES, event.committedAt);
        this.#options.observer.scope(event.reason);
        break;
      case 'idle':
        this.#open.endAt(event.position);
        break;
    }
  }

  #map(changes: readonly RowChange[]): void {
    const { observer, plan } = this.#options;
    const mapped = this.#mapped;
    let op: RowOperation | undefined;
    let table: TableRef | undefined;
    let run = 0;
    let skipped = 0;
    for (const change of changes) {
      if (change.op !== op || change.table !== table) {
        if (op !== undefined && table !== undefined) observer.rows(op, plan.labelOf(table), run);
        op = change.op;
        table = change.table;
        run = 0;
      }
      run += 1;
      const before = mapped.commands.length + mapped.lookups.length;
      mapped.nullKeys = 0;
      plan.map(change, mapped);
      skipped += mapped.commands.length + mapped.lookups.length === before ? 1 : mapped.nullKeys;
    }
    if (op !== undefined && table !== undefined) observer.rows(op, plan.labelOf(table), run);
    if (skipped > 0) observer.rowsSkipped(skipped);
    this.#open.add(mapped.commands);
    mapped.commands.length = 0;
    if (mapped.lookups.length > 0) this.#open.addLookups(mapped.lookups);
    mapped.lookups.length = 0;
  }

  #pump(): void {
    if (this.#open.isEmpty || this.#failure !== undefined) return;
    if (this.#sending >= this.#options.limits.inFlight || this.#doubtful?.isFull) return;
    if (this.#sending === 0 || this.#open.isFull || this.#draining || this.#lingered) {
      clearTimeout(this.#linger);
      this.#linger = undefined;
      this.#lingered = false;
      this.#send();
      return;
    }
    this.#linger ??= setTimeout(() => {
      this.#linger = undefined;
      this.#lingered = true;
      this.#pump();
    }, this.#options.limits.maxDelay);
  }

  #send(): void {
    this.#seq += 1;
    const batch = this.#open.take(this.#seq);
    this.#window.add(batch);
    if (batch.commands.length === 0 && batch.lookups.length === 0) {
      this.#acknowledge(batch);
      return;
    }
    this.#sending += 1;
    this.#process(batch)
      .catch((error: unknown) => this.#fail(asUnstaleError(error)))
      .finally(() => {
        this.#sending -= 1;
        this.#pump();
        this.#signalProgress();
      });
  }

  async #process(batch: CommandBatch): Promise<void> {
    const visibility = (await this.#options.barrier?.pass(batch.marks, this.#abort.signal)) ?? 'visible';
    if (visibility === 'visible') await this.#deliver(batch);
    else if ((await this.#delivery.deliverInDoubt(batch)) && !this.#draining) {
      this.#repeatLater(batch, visibility);
    }
  }

  #repeatLater(batch: CommandBatch, doubt: Exclude<Visibility, 'visible'>): void {
    this.#doubtful
      ?.repeatLater(batch, doubt, this.#drain.signal, () => this.#deliver(batch))
      .catch((error: unknown) => this.#fail(asUnstaleError(error)))
      .finally(() => {
        this.#pump();
        this.#signalProgress();
      });
  }

  /** Sends the batch, and acknowledges it then or when the last of its deletes that are held back is done. */
  async #deliver(batch: CommandBatch): Promise<void> {
    const delivered = await this.#delivery.deliver(batch);
    if (delivered === undefined) return;
    if (delivered.held === undefined) {
      this.#acknowledge(batch);
      return;
    }
    this.#held += 1;
    this.#acknowledgeWhen(delivered.held, batch)
      .catch((error: unknown) => this.#fail(asUnstaleError(error)))
      .finally(() => {
        this.#held -= 1;
        this.#signalProgress();
      });
  }

  async #acknowledgeWhen(held: Promise<boolean>, batch: CommandBatch): Promise<void> {
    if (await held) this.#acknowledge(batch);
  }

  #acknowledge(batch: CommandBatch): void {
    const position = this.#window.acknowledge(batch.seq);
    this.#options.observer.acknowledged(batch);
    if (position !== undefined) this.#options.onApplied(position);
  }

  #fail(error: UnstaleError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#abort.abort();
    this.#drain.abort();
    this.#signalProgress();
    // Ends a read that may wait for an event that never comes.
    this.#options.source
      .close()
      .catch((cause: unknown) =>
        this.#options.log.debug({ err: cause }, 'the binlog source did not close cleanly'),
      );
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #signalProgress(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
