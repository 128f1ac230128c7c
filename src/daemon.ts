import { formatPosition } from './change/position.ts';
import type { SourcePosition } from './change/position.ts';
import { withActivity } from './activity-observer.ts';
import { openMarker } from './applied-marker.ts';
import { createAdminServer } from './admin/http-server.ts';
import { TailHub } from './admin/tail.ts';
import { readServerFacts } from './binlog/server-facts.ts';
import { currentEnd } from './binlog/start-position.ts';
import { RetentionWatch } from './binlog/retention-watch.ts';
import type { Config, Settings } from './config/config.ts';
import { openRedis, openSourceClient, openStateStore } from './connections.ts';
import { ConfigWatch } from './config-watch.ts';
import { createDaemonView } from './daemon-view.ts';
import type { Phase } from './daemon-view.ts';
import { openBarrier } from './open-barrier.ts';
import { openDryRun } from './dry-run.ts';
import { asUnstaleError, UnstaleError } from './errors/unstale-error.ts';
import { FailoverReplay } from './failover-replay.ts';
import { openInsight } from './insight.ts';
import { ErrorRing, keepError, keepingErrors } from './observability/error-ring.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import { observePipeline } from './observe-pipeline.ts';
import { CheckpointWriter } from './pipeline/checkpoint-writer.ts';
import type { OpenStream } from './pipeline/mapped-stream.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { PositionHistory } from './pipeline/position-history.ts';
import type { StartPoint } from './pipeline/ports.ts';
import { retried } from './pipeline/retried.ts';
import { requirePreconditions } from './preconditions.ts';
import { createRedisSink } from './redis/sink.ts';
import { Reloader } from './reload.ts';
import type { ReloadOutcome, ReloadRequest } from './reload.ts';
import { createRetryDelay } from './runtime/backoff.ts';
import { withDeadline } from './runtime/deadline.ts';
import { sleep } from './runtime/sleep.ts';
import { createStreamFactory, openStream, storesValues } from './stream.ts';
import type { Stream } from './stream.ts';
import { withTail } from './tail-observer.ts';

/** Redis' and MySQL's absence is bridged for ever; what waits is stale, so the pauses stay short (ms). */
const RETRY = { initial: 100, max: 2000 };

/** How often the server's binlog files are looked at, ms. */
const RETENTION_INTERVAL = 5000;

/** Each configuration may hold some deletes back while those of earlier ones still wait; that has to end somewhere. */
const MOST_HELD = 200_000;

export interface Daemon {
  /** Settles when the work has ended: resolves after `stop`, rejects with the UnstaleError that ended it. */
  readonly finished: Promise<void>;
  /** Stops reading, waits for Redis' replies, stores the position; bounded by `shutdown_timeout`. */
  stop(): void;
  /** Reads the configuration again; never rejects. */
  reload(request: ReloadRequest): Promise<ReloadOutcome>;
}

export interface DaemonTools {
  readonly log: Logger;
  /** Reads the configuration again. @throws UnstaleError with all that is wrong with it. */
  readonly load: () => Promise<Settings>;
}

/**
 * Builds a daemon from its configuration and starts it. This is the composition root: every connection is
 * made here, and nothing below knows another part by anything but its port.
 *
 * The promise resolves once changes are followed and the position to resume from is stored.
 * @throws UnstaleError when a precondition fails; everything that was opened is closed again.
 */
export async function startDaemon(config: Config, { log: written, load }: DaemonTools): Promise<Daemon> {
  const errors = new ErrorRing();
  const log = keepingErrors(written, errors);
  const metrics = createMetrics({ clientId: config.clientId });
  const tail = new TailHub();
  const stopping = new AbortController();
  const retryDelay = createRetryDelay(RETRY);
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.toReversed()) {
      await close().catch((error: unknown) =>
        log.debug({ err: error }, 'a connection did not close cleanly'),
      );
    }
  };
  let phase: Phase = 'starting';
  let fatal: UnstaleError | undefined;
  let lastError: UnstaleError | undefined;

  try {
    const redis = openRedis(config, log);
    closers.push(() => redis.close());
    const insight = openInsight({ redis, errors, log });
    closers.push(insight.close);
    const client = openSourceClient(config);
    closers.push(() => client.close());
    const state = openStateStore(config, log);
    closers.push(() => state.close());

    const createStream = createStreamFactory({ client, retryDelay, metrics, log, closers });
    let stream = createStream(config);
    closers.push(() => stream.source.close());
    const history = new PositionHistory({
      store: state.history,
      window: config.redis.failoverReplay,
      isSameData: () => redis.isKnown(),
    });
    const writer = new CheckpointWriter({
      store: state.store,
      history,
      clientId: config.clientId,
      mappingHash: config.plan.hash,
      flushInterval: config.state.flushInterval,
      sleep,
      log,
      onStored: () => metrics.positionWrite(),
    });
    const marker = openMarker(config, redis, log);
    closers.push(() => Promise.resolve(marker?.end()));
    const barrier = openBarrier(config, metrics, log, () => stream.source.received, closers);
    const pipeline = new Pipeline({
      ...stream,
      sink:
        openDryRun(() => stream.config, log, closers) ??
        createRedisSink({
          connection: redis,
          scopeScanRate: config.redis.scopeScanRate,
          tombstone: config.tombstone,
          publish: config.publish,
          sleep,
          log,
          observer: { replied: (cls) => metrics.redisReplies(cls, 1) },
        }),
      barrier,
      limits: config.batch,
      retryDelay,
      sleep,
      observer: withTail(
        withActivity(
          observePipeline(metrics, (error) => {
            lastError = asUnstaleError(error);
            keepError(errors, 'warn', error, 'a batch was not applied');
          }),
          insight.activity,
        ),
        tail,
        config.dryRun ?? false,
      ),
      log,
      onApplied: (position) => {
        writer.advance(position);
        marker?.advance(position);
        stream.source.applied(position);
      },
    });
    const retention = new RetentionWatch({
      client,
      stored: () => writer.stored,
      onFiles: (files) => stream.source.compare(files),
      interval: RETENTION_INTERVAL,
      sleep,
      log,
    });

    // Where the first stream began; later ones begin where the pipeline has read to.
    let began: SourcePosition | undefined;
    /** What it allows can only be asked when it is there; until then the configuration before stays in force. */
    const redisIsBack = async (): Promise<void> => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await redis.checkReady(config.redis.connectTimeout);
          return;
        } catch (thrown) {
          const error = asUnstaleError(thrown);
          if (error.policy.directive !== 'retry') throw error;
          if (phase !== 'running')
            throw new UnstaleError('UNSTALE_RELOAD_REFUSED', 'the daemon is stopping', { cause: error });
          if (attempt === 1) log.info({ reason: error.message }, 'Redis is away; the reload waits for it');
          await retryDelay(attempt, stopping.signal);
        }
      }
    };
    const reloader = new Reloader({
      load,
      current: () => stream.config,
      check: async (next) => {
        if (stream.source.openGap !== undefined) {
          throw new UnstaleError('UNSTALE_RELOAD_REFUSED', 'a gap is being recovered; reload after it');
        }
        if (pipeline.heldDeletes >= MOST_HELD) {
          throw new UnstaleError(
            'UNSTALE_RELOAD_REFUSED',
            `${pipeline.heldDeletes} deletes wait for limits; reload when fewer do`,
          );
        }
        if (!config.dryRun) await redisIsBack();
        await requirePreconditions(next, client, redis, log);
      },
      apply: (next, first) =>
        switchTo(async (after, signal) => {
          const position = after ?? began;
          if (position === undefined) throw new UnstaleError('UNSTALE_INTERNAL', 'reloaded before the start');
          await goOn(createStream(next), { from: 'checkpoint', position }, signal);
          writer.remap(next.plan.hash);
          insight.activity.rules.reset();
          log.setLevel(next.log.level);
          return { ...stream, first };
        }),
      log,
    });
    const goOn = async (next: Stream, start: StartPoint, signal: AbortSignal): Promise<SourcePosition> => {
      const from = await openStream(next, start, { retryDelay, log, signal });
      view.retire(stream);
      stream = next;
      return from;
    };
    // A reload and the repetition after a failover may come together.
    let lastSwitch: Promise<unknown> = Promise.resolve();
    const switchTo = (open: OpenStream): Promise<boolean> => {
      const turn = lastSwitch.then(() => pipeline.switchTo(open));
      lastSwitch = turn.catch(() => undefined);
      return turn;
    };
    const failover = new FailoverReplay({
      history,
      store: state.datasets,
      identity: () => redis.identity(),
      rewind: (position) =>
        switchTo(async (_after, signal) => {
          // First: what Redis acknowledges while the stream opens would move the position past the repetition.
          pipeline.forgetPositions();
          const newest = stream.source.received ?? position;
          await retried(() => writer.begin(position, newest), { retryDelay, signal });
          const start: StartPoint = { from: 'checkpoint', position, newest };
          const replaysFrom = await goOn(createStream(stream.config), start, signal);
          return { ...stream, first: [], replaysFrom };
        }),
      retryDelay,
      signal: stopping.signal,
      log,
      onReplay: () => metrics.failoverReplay(),
      onError: (error) => {
        fatal ??= asUnstaleError(error);
        pipeline.stop().catch(() => undefined);
      },
    });
    const started = Promise.withResolvers<void>();
    const reload = async (request: ReloadRequest): Promise<ReloadOutcome> => {
      // A stream that is being opened cannot be replaced.
      await started.promise;
      const outcome = await reloader.reload(request);
      watch();
      return outcome;
    };
    const configWatch = new ConfigWatch({
      onChange: () => void reload({ by: 'file' }),
      onError: (err) => log.warn({ err }, 'the configuration cannot be watched; reload it by SIGHUP'),
    });
    const watch = (): void => configWatch.follow(stream.config, reloader.read);
    closers.push(() => Promise.resolve(configWatch.end()));

    const view = createDaemonView({
      stream: () => stream,
      phase: () => phase,
      fatal: () => fatal,
      lastError: () => lastError,
      pipeline,
      writer,
      retention,
      redis,
      barrier,
      insight,
      reloading: () => reloader.isPending,
    });
    metrics.gauges(view.gauges);
    insight.sample(view.moment);
    if (config.admin !== undefined) {
      const admin = createAdminServer({
        ...config.admin,
        tail,
        handlers: {
          metrics: () => metrics.registry.metrics(),
          contentType: metrics.registry.contentType,
          health: view.health,
          status: view.status,
          history: insight.history,
          reload: (invalidate) => reload({ by: 'request', invalidate }),
        },
        log,
      });
      const address = await admin.listen();
      closers.push(() => admin.close());
      log.info(address, 'listening for metrics, health and status');
    }

    await requirePreconditions(config, client, redis, log);
    await state.store.migrate();
    const checkpoint = await state.store.load();
    let lost: SourcePosition | undefined;
    if (!config.dryRun) {
      const unsubscribe = redis.onDatasetChange((change) => {
        // At once: replies of the other data may have arrived.
        history.hold();
        void started.promise.then(() => failover.changed(change));
      });
      closers.push(() => Promise.resolve().then(unsubscribe));
      lost = await failover.startingAt(checkpoint);
    }
    let start: StartPoint = config.source.initPosition;
    if (checkpoint !== undefined) {
      const { position: newest } = checkpoint;
      start = { from: 'checkpoint', position: lost ?? newest, newest };
      writer.startFrom(checkpoint);
      if (lost !== undefined) await writer.begin(lost, newest);
    }
    began = await stream.source.open(start, stopping.signal);
    if (checkpoint === undefined) {
      // Stored before ready: a crash a moment later then resumes here, not at a later "latest".
      await writer.begin(began);
    } else if (storesValues(config)) {
      // An earlier run may have applied more than it stored.
      const { file, offset } = await currentEnd(await readServerFacts(client), client);
      pipeline.replayUntil({ epoch: began.epoch, file, offset });
    }
    if (!config.dryRun) await failover.noteDataset();
    phase = 'running';
    log.info(
      { position: formatPosition(began), resumed: checkpoint !== undefined, mapping_hash: config.plan.hash },
      stream.source.openGap === undefined ? 'ready: following changes' : 'following changes behind the gap',
    );
    started.resolve();
    watch();

    let abandoning: NodeJS.Timeout | undefined;
    const closing = (error: unknown): void =>
      log.debug({ err: error }, 'the binlog source did not close cleanly');
    const drain = async (): Promise<void> => {
      const work = pipeline.run();
      const writing = writer.run(stopping.signal);
      const watching = retention.run(stopping.signal);
      // Whichever fails ends the other; the source's end is what ends the pipeline in order.
      const guard = writing.catch((error: unknown) => {
        fatal ??= asUnstaleError(error);
        return pipeline.stop();
      });
      try {
        await work;
      } catch (error) {
        fatal ??= asUnstaleError(error);
      }
      clearTimeout(abandoning);
      phase = 'draining';
      stopping.abort();
      await guard;
      await watching;
      try {
        await withDeadline(
          writer.flush(),
          stream.config.shutdownTimeout,
          () =>
            new UnstaleError('UNSTALE_DRAIN_TIMEOUT', 'the position could not be stored before the deadline'),
        );
      } catch (error) {
        fatal ??= asUnstaleError(error);
      }
      const stored = writer.stored;
      log.info(stored === undefined ? {} : { position: formatPosition(stored) }, 'stopped');
      // What matters is done; a server that does not answer must not hold the process.
      await Promise.race([closeAll(), sleep(stream.config.shutdownTimeout)]);
      phase = 'stopped';
      if (fatal !== undefined) throw fatal;
    };

    return {
      finished: drain(),
      stop: () => {
        if (phase !== 'running') return;
        phase = 'draining';
        log.info({}, 'stopping: no new changes are read, open ones are finished');
        abandoning = setTimeout(() => pipeline.abandon(), stream.config.shutdownTimeout);
        pipeline.stop().catch(closing);
      },
      reload,
    };
  } catch (error) {
    stopping.abort();
    await closeAll();
    throw asUnstaleError(error);
  }
}
