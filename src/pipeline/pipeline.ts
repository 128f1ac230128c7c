import type { CommandBatch } from '../change/command.ts';
import type { BinlogPlace, SourcePosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { Deliveries } from './deliveries.ts';
import { Delivery } from './delivery.ts';
import { DoubtfulBatches } from './doubtful-batches.ts';
import { EventIntake } from './event-intake.ts';
import { InFlightWindow } from './in-flight-window.ts';
import type { PipelineObserver } from './observer.ts';
import type { MappedStream, NextStream, OpenStream } from './mapped-stream.ts';
import { OpenBatch } from './open-batch.ts';
import { PauseGate } from './pause-gate.ts';
import type { BatchLimits } from './open-batch.ts';
import { redeletesOf } from './redeletes.ts';
import type { Barrier, CommandSink, Log, RetryDelay, Sleep, Visibility } from './ports.ts';

export interface PipelineLimits extends BatchLimits {
  /** Longest time that a change waits for company while other batches are in flight, ms. */
  readonly maxDelay: number;
  /** Batches that may wait for Redis at the same time. */
  readonly inFlight: number;
}

export interface PipelineOptions extends MappedStream {
  readonly sink: CommandSink;
  /** Undefined: deletes are sent without waiting until their changes are visible. */
  readonly barrier: Barrier | undefined;
  readonly limits: PipelineLimits;
  readonly retryDelay: RetryDelay;
  readonly sleep: Sleep;
  /** A clock in ms that never goes back; performance.now unless given. */
  readonly now?: () => number;
  readonly observer: PipelineObserver;
  readonly log: Log;
  /** Redis has acknowledged everything before `position`. */
  readonly onApplied: (position: SourcePosition) => void;
}

/**
 * The one loop: read, map, coalesce, wait for visibility, apply, and move the position behind Redis' replies.
 *
 * An idle stream sends every change at once. While batches are in flight, changes gather in the open batch
 * until a reply arrives, `maxDelay` passes or the batch is full. When the window is full too, nothing more
 * is read, and the source holds the binlog back: memory stays bounded however long Redis is away.
 *
 * A batch whose changes may not be visible yet is sent all the same, and once more later. Until then it holds
 * the position back, but no place in the window. The same holds for deletes that wait for their rule's limit.
 *
 * Another mapping takes over between two events of the source, which begins anew behind what was mapped last: what
 * was read before keeps its commands, its limits and its lookups.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #window = new InFlightWindow();
  readonly #open: OpenBatch;
  readonly #abort = new AbortController();
  /** Ends what only waits, when the pipeline drains. */
  readonly #drain = new AbortController();
  readonly #doubtful: DoubtfulBatches | undefined;
  #stream: MappedStream;
  readonly #intake: EventIntake;
  readonly #deliveries: Deliveries;
  #next: { readonly open: OpenStream; readonly done: (switched: boolean) => void } | undefined;
  /** Ends the opening of a stream. */
  readonly #ending = new AbortController();
  readonly #gate = new PauseGate();
  /** Commit time of the oldest change that the gate holds back, ms since the epoch. */
  #gatedSince: number | undefined;
  /** Batches of which deletes are held back. */
  #held = 0;
  #seq = 0;
  #sending = 0;
  #draining = false;
  /** The open batch goes as it is. */
  #flushing = false;
  #lingered = false;
  #linger: NodeJS.Timeout | undefined;
  #failure: UnstaleError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#open = new OpenBatch(options.limits);
    this.#stream = options;
    this.#intake = new EventIntake({ ...options, open: this.#open, stream: options });
    this.#deliveries = new Deliveries(this.#createDelivery(options), options.plan);
    if (options.barrier !== undefined) this.#doubtful = new DoubtfulBatches(options.barrier, options.sleep);
  }

  /** Binlog bytes that were read and are not acknowledged by Redis. */
  get inFlightBytes(): number {
    return this.#window.bytes + this.#open.bytes;
  }

  /** Commit time of the oldest change that Redis has not acknowledged, ms since the epoch. */
  get oldestUnappliedAt(): number | undefined {
    return this.#window.oldestCommitAt ?? this.#open.oldestCommitAt ?? this.#gatedSince;
  }

  /** Batches that are waiting for a retry because Redis did not take them. */
  get retrying(): boolean {
    return this.#deliveries.retrying;
  }

  /** Deletes that wait for their rule's limit. */
  get heldDeletes(): number {
    return this.#deliveries.held;
  }

  heldOf(rule: string): number {
    return this.#deliveries.heldOf(rule);
  }

  /**
   * Ends the present source and goes on with the stream that `open` gives, after what was read is on its way. Resolves
   * then, which takes as long as Redis is away; false when the pipeline ends before. One at a time.
   */
  async switchTo(open: OpenStream): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#next = { open, done: resolve };
    this.#gate.nudge();
    if (this.#draining) this.#giveUpSwitch();
    else await this.#stream.source.close();
    return promise;
  }

  /**
   * What was read already is finished; what comes then waits until `resume`, here and in the source, which holds the
   * binlog back.
   */
  pause(): void {
    this.#gate.close();
  }

  resume(): void {
    this.#gate.open();
  }

  /** What begins before `place` may have been applied already, by an earlier run: none of its values is stored. */
  replayUntil(place: BinlogPlace): void {
    this.#intake.replayUntil(place);
  }

  /** What is in flight moves the position no more. To be called before the position is set back. */
  forgetPositions(): void {
    this.#window.forgetPositions();
  }

  /** Ends the source, so that `run` sends what was read and ends. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#giveUpSwitch();
    this.#signalProgress();
    this.#gate.nudge();
    await this.#stream.source.close();
  }

  /**
   * Runs until it is stopped, then sends what was read and waits for Redis' replies. Batches that would
   * have to be repeated later, or wait for a limit of deletes, stay unacknowledged then: the next start repeats them.
   * @throws UnstaleError when the source, or Redis for good, refuses; the position stays before the trouble.
   */
  async run(): Promise<void> {
    try {
      // What the gate did not let through of a source; nothing behind it may be taken then.
      let leftOut = false;
      for (;;) {
        const events = await this.#stream.source.read();
        if (events.length === 0) {
          leftOut = false;
          if (await this.#switch()) continue;
          break;
        }
        for (const event of events) {
          leftOut ||= this.#gate.isClosed && !(await this.#passGate(event));
          if (leftOut) break;
          this.#intake.accept(event);
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
    this.#giveUpSwitch();
    this.#drain.abort();
    this.#pump();
    while (this.#sending > 0 || this.#held > 0 || this.#doubtful?.isEmpty === false) {
      await this.#progress();
      this.#pump();
    }
    clearTimeout(this.#linger);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Ends at once: batches that Redis has not acknowledged are given up, unacknowledged. Without a reason it is a drain
   * that takes too long.
   */
  abandon(reason?: UnstaleError): void {
    const message = 'stopped before Redis acknowledged everything that was read';
    this.#fail(reason ?? new UnstaleError('UNSTALE_DRAIN_TIMEOUT', message));
  }

  /** Waits until the gate is open; false when the source is to be ended, and a later one will read the event again. */
  async #passGate(event: SourceEvent): Promise<boolean> {
    if (event.kind === 'slice') this.#gatedSince = event.slice.committedAt;
    else if (event.kind === 'scope') this.#gatedSince = event.committedAt;
    const isUnwanted = (): boolean =>
      this.#next !== undefined || this.#failure !== undefined || this.#ending.signal.aborted;
    while (this.#gate.isClosed && !isUnwanted()) await this.#gate.wait();
    this.#gatedSince = undefined;
    return !isUnwanted();
  }

  /** Goes on with another stream if one is wanted. */
  async #switch(): Promise<boolean> {
    const next = this.#next;
    if (next === undefined || this.#ending.signal.aborted) return false;
    // No batch may ask the lookups of two mappings.
    this.#flushing = true;
    this.#pump();
    while (!this.#open.isEmpty && !this.#ending.signal.aborted) {
      await this.#progress();
      this.#pump();
    }
    this.#flushing = false;
    if (this.#ending.signal.aborted) return false;
    let stream: NextStream;
    try {
      stream = await next.open(this.#intake.readTo, this.#ending.signal);
    } catch (error) {
      // Opening is ended by a stop.
      if (this.#ending.signal.aborted) return false;
      throw error;
    }
    if (this.#ending.signal.aborted) {
      await stream.source.close();
      return false;
    }
    this.#stream = stream;
    this.#deliveries.replace(this.#createDelivery(stream), stream.plan, this.#seq, this.#window.oldestSeq);
    this.#intake.switchTo(stream);
    this.#pump();
    this.#next = undefined;
    next.done(true);
    return true;
  }

  #giveUpSwitch(): void {
    this.#next?.done(false);
    this.#next = undefined;
  }

  #createDelivery({ lookups, rateLimits, plan }: MappedStream): Delivery {
    const options = this.#options;
    return new Delivery({
      sink: options.sink,
      lookups,
      rateLimits,
      redeletes: redeletesOf(plan),
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
  }

  #pump(): void {
    if (this.#open.isEmpty || this.#failure !== undefined) return;
    if (this.#sending >= this.#options.limits.inFlight || this.#doubtful?.isFull) return;
    if (this.#isDue) {
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

  get #isDue(): boolean {
    return this.#sending === 0 || this.#open.isFull || this.#draining || this.#flushing || this.#lingered;
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
    this.#process(batch, this.#deliveries.current)
      .catch((error: unknown) => this.#fail(asUnstaleError(error)))
      .finally(() => {
        this.#sending -= 1;
        this.#pump();
        this.#signalProgress();
      });
  }

  async #process(batch: CommandBatch, delivery: Delivery): Promise<void> {
    const visibility = (await this.#options.barrier?.pass(batch.marks, this.#abort.signal)) ?? 'visible';
    if (visibility === 'visible') await this.#deliver(batch, delivery);
    else if ((await delivery.deliverInDoubt(batch)) && !this.#draining) {
      this.#repeatLater(batch, visibility, delivery);
    }
  }

  #repeatLater(batch: CommandBatch, doubt: Exclude<Visibility, 'visible'>, delivery: Delivery): void {
    this.#doubtful
      ?.repeatLater(batch, doubt, this.#drain.signal, () => this.#deliver(batch, delivery))
      .catch((error: unknown) => this.#fail(asUnstaleError(error)))
      .finally(() => {
        this.#pump();
        this.#signalProgress();
      });
  }

  /** Sends the batch, and acknowledges it then or when the last of its deletes that are held back is done. */
  async #deliver(batch: CommandBatch, delivery: Delivery): Promise<void> {
    const delivered = await delivery.deliver(batch);
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
    this.#ending.abort();
    this.#drain.abort();
    this.#signalProgress();
    this.#gate.nudge();
    // Ends a read that may wait for an event that never comes.
    this.#stream.source
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
