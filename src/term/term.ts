import { RetentionWatch } from '../binlog/retention-watch.ts';
import type { CacheCommand } from '../change/command.ts';
import { formatPosition, isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Logger } from '../observability/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { ActiveWork } from '../operator/actions.ts';
import { CheckpointWriter } from '../pipeline/checkpoint-writer.ts';
import type { OpenStream } from '../pipeline/mapped-stream.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { Barrier, CommandSink, RetryDelay, SqlClient } from '../pipeline/ports.ts';
import { PositionHistory } from '../pipeline/position-history.ts';
import { retried } from '../pipeline/retried.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { sleep } from '../runtime/sleep.ts';
import type { HeldLease } from '../state/held-lease.ts';
import type { StateTables } from '../state/state-tables.ts';
import type { Stream } from '../stream.ts';
import type { AppliedMarker } from './applied-marker.ts';
import { openMarker } from './applied-marker.ts';
import { FailoverReplay } from './failover-replay.ts';
import { openAtStored } from './open-at-stored.ts';
import { StreamHolder } from './stream-holder.ts';

/** How often the server's binlog files are looked at, ms. */
const RETENTION_INTERVAL = 5000;

/** Each configuration may hold some deletes back while those of earlier ones still wait; that has to end somewhere. */
const MOST_HELD = 200_000;

/** What a term works with; most of it outlives the term. */
export interface TermTools {
  /** The one in force when the term begins. */
  readonly config: Config;
  readonly lease: HeldLease;
  /** Written in the name of the lease. */
  readonly state: StateTables;
  /** The control client of the source. */
  readonly client: SqlClient;
  readonly redis: RedisConnection;
  /** Sends only while the lease holds. */
  readonly sink: CommandSink;
  readonly barrier: Barrier | undefined;
  readonly createStream: (config: Config) => Stream;
  readonly retryDelay: RetryDelay;
  readonly observer: PipelineObserver;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** A stream is done with: what it has counted is to be kept. */
  readonly onRetired: (stream: Stream) => void;
}

/**
 * One time of leadership: it begins at the stored position, and ends when it is stopped, when the lease is lost or with
 * an error. Everything that it makes ends with it.
 */
export class Term {
  readonly pipeline: Pipeline;
  readonly writer: CheckpointWriter;
  readonly retention: RetentionWatch;
  readonly #tools: TermTools;
  readonly #streams: StreamHolder;
  readonly #history: PositionHistory;
  readonly #failover: FailoverReplay;
  readonly #marker: AppliedMarker | undefined;
  readonly #ending = new AbortController();
  readonly #opened = Promise.withResolvers<void>();
  #unsubscribe = (): void => undefined;
  #abandoning: NodeJS.Timeout | undefined;
  #failure: UnstaleError | undefined;

  constructor(tools: TermTools) {
    const { config, lease, state, redis, metrics, log, retryDelay } = tools;
    this.#tools = tools;
    this.#streams = new StreamHolder(tools);
    this.#history = new PositionHistory({
      store: state.history,
      window: config.redis.failoverReplay,
      isSameData: () => redis.isKnown(),
    });
    this.writer = new CheckpointWriter({
      store: state.store,
      history: this.#history,
      clientId: config.clientId,
      mappingHash: config.plan.hash,
      fencingToken: lease.token,
      flushInterval: config.state.flushInterval,
      sleep,
      log,
      onStored: () => metrics.positionWrite(),
    });
    this.#marker = openMarker(config, redis, lease, log);
    this.pipeline = new Pipeline({
      ...this.stream,
      sink: tools.sink,
      barrier: tools.barrier,
      limits: config.batch,
      retryDelay,
      sleep,
      observer: tools.observer,
      log,
      onApplied: (position) => {
        this.writer.advance(position);
        this.#marker?.advance(position);
        this.stream.source.applied(position);
      },
    });
    this.retention = new RetentionWatch({
      client: tools.client,
      stored: () => this.writer.stored,
      onFiles: (files) => this.stream.source.compare(files),
      interval: RETENTION_INTERVAL,
      sleep,
      log,
    });
    this.#failover = new FailoverReplay({
      history: this.#history,
      store: state.datasets,
      identity: () => redis.identity(),
      rewind: (position) => this.#streams.switchTo(this.pipeline, this.#beginAgain(position)),
      retryDelay,
      signal: this.#ending.signal,
      log,
      onReplay: () => metrics.failoverReplay(),
      onError: (error) => {
        this.#failure ??= asUnstaleError(error);
        this.pipeline.stop().catch(() => undefined);
      },
    });
    void lease.lost.then((error) => this.#abandon(error));
  }

  /** The stream that is read now. */
  get stream(): Stream {
    return this.#streams.current;
  }

  /** What operators ask about and act on. */
  get work(): ActiveWork {
    return {
      source: this.stream.source,
      writer: this.writer,
      pipeline: this.pipeline,
      history: this.#tools.state.history,
      rewind: (position) => this.#repeatFrom(position),
    };
  }

  /** The error that ended the work, as soon as there is one. */
  get failure(): UnstaleError | undefined {
    return this.#failure;
  }

  /**
   * Begins to follow changes; resolves once the position to resume from is stored.
   * @throws UnstaleError when that cannot be; everything that was opened is closed then.
   */
  async open(stopping: AbortSignal): Promise<void> {
    const { config, redis, log } = this.#tools;
    const signal = AbortSignal.any([stopping, this.#ending.signal]);
    try {
      if (!config.dryRun) {
        this.#unsubscribe = redis.onDatasetChange((change) => {
          // At once: replies of the other data may have arrived.
          this.#history.hold();
          void this.#opened.promise.then(() => this.#failover.changed(change));
        });
      }
      const began = await openAtStored({
        ...this.#tools,
        streams: this.#streams,
        pipeline: this.pipeline,
        writer: this.writer,
        failover: this.#failover,
        signal,
      });
      log.info(
        { position: formatPosition(began.position), resumed: began.resumed, mapping_hash: config.plan.hash },
        this.stream.source.openGap === undefined
          ? 'ready: following changes'
          : 'following changes behind the gap',
      );
      this.#opened.resolve();
    } catch (error) {
      await this.#close();
      throw this.#failure ?? error;
    }
  }

  /**
   * Works until `stop` has drained it; resolves when the position is stored.
   * @throws UnstaleError that ended it. With UNSTALE_LEASE_LOST nothing was stored.
   */
  async run(): Promise<void> {
    const { log } = this.#tools;
    const { signal } = this.#ending;
    const work = this.pipeline.run();
    const watching = this.retention.run(signal);
    // Whichever fails ends the other; the source's end is what ends the pipeline in order.
    const writing = this.writer.run(signal).catch((error: unknown) => {
      this.#failure ??= asUnstaleError(error);
      return this.pipeline.stop();
    });
    try {
      await work;
    } catch (error) {
      this.#failure ??= asUnstaleError(error);
    }
    clearTimeout(this.#abandoning);
    this.#ending.abort();
    await writing;
    await watching;
    if (this.#failure?.code !== 'UNSTALE_LEASE_LOST') await this.#storeLast();
    await this.#close();
    const { stored } = this.writer;
    if (this.#failure?.code !== 'UNSTALE_LEASE_LOST')
      log.info(stored === undefined ? {} : { position: formatPosition(stored) }, 'stopped');
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Stops reading, so that `run` finishes what is open; bounded by `shutdown_timeout`. */
  stop(): void {
    const { log } = this.#tools;
    log.info({}, 'stopping: no new changes are read, open ones are finished');
    this.#abandoning = setTimeout(() => this.pipeline.abandon(), this.stream.config.shutdownTimeout);
    this.pipeline
      .stop()
      .catch((err: unknown) => log.debug({ err }, 'the binlog source did not close cleanly'));
  }

  /** Why no other configuration can take over now; undefined if it can. */
  refusal(): string | undefined {
    if (this.stream.source.openGap !== undefined) return 'a gap is being recovered; reload after it';
    const { heldDeletes } = this.pipeline;
    if (heldDeletes < MOST_HELD) return undefined;
    return `${heldDeletes} deletes wait for limits; reload when fewer do`;
  }

  /** Goes on with another configuration, and sends `first` before anything that it maps; false when the term ends. */
  reload(next: Config, first: readonly CacheCommand[]): Promise<boolean> {
    return this.#streams.switchTo(this.pipeline, async (after, signal) => {
      await this.#streams.goOn(next, after, signal);
      this.writer.remap(next.plan.hash);
      return { ...this.stream, first };
    });
  }

  /**
   * Applies everything behind `position` again, as deletes up to where this daemon is; the position is stored before.
   * False when the term ends.
   */
  #repeatFrom(position: SourcePosition): Promise<boolean> {
    return this.#streams.switchTo(this.pipeline, (after, signal) => {
      // Nothing may have been mapped yet by this term, and a part of it have been applied by an earlier one.
      const end = this.stream.source.received;
      if (end !== undefined) this.pipeline.replayUntil(end);
      // A repetition after a failover may have come first, and begun lower.
      const now = this.writer.applied ?? position;
      return this.#beginAgain(isBefore(now, position) ? now : position)(after, signal);
    });
  }

  /** A stream that reads again from a position on; the position is stored before. */
  #beginAgain(position: SourcePosition): OpenStream {
    return async (_after, signal) => {
      const { retryDelay } = this.#tools;
      // First: what Redis acknowledges while the stream opens would move the position past the repetition.
      this.pipeline.forgetPositions();
      const newest = this.stream.source.received ?? position;
      await retried(() => this.writer.begin(position, newest), { retryDelay, signal });
      const start = { from: 'checkpoint', position, newest } as const;
      const replaysFrom = await this.#streams.replace(this.stream.config, start, signal);
      return { ...this.stream, first: [], replaysFrom };
    };
  }

  /** Another daemon leads: nothing more is sent or stored. */
  #abandon(error: UnstaleError): void {
    this.#failure ??= error;
    this.pipeline.abandon(error);
    this.#ending.abort();
  }

  async #storeLast(): Promise<void> {
    try {
      await withDeadline(
        this.writer.flush(),
        this.stream.config.shutdownTimeout,
        () =>
          new UnstaleError('UNSTALE_DRAIN_TIMEOUT', 'the position could not be stored before the deadline'),
      );
    } catch (error) {
      this.#failure ??= asUnstaleError(error);
    }
  }

  async #close(): Promise<void> {
    const { log, onRetired } = this.#tools;
    this.#ending.abort();
    this.#unsubscribe();
    this.#marker?.end();
    onRetired(this.stream);
    await this.stream.source
      .close()
      .catch((err: unknown) => log.debug({ err }, 'the binlog source did not close cleanly'));
  }
}
