import type { CacheCommand } from './change/command.ts';
import { formatPosition } from './change/position.ts';
import type { SourcePosition } from './change/position.ts';
import { createAdminServer } from './admin/http-server.ts';
import { VisibilityBarrier } from './binlog/barrier/visibility-barrier.ts';
import { MysqlSource } from './binlog/mysql-source.ts';
import { RetentionWatch } from './binlog/retention-watch.ts';
import type { Retention } from './binlog/retention-watch.ts';
import type { Config } from './config/config.ts';
import {
  openBarrierClients,
  openLookupClient,
  openRedis,
  openSourceClient,
  openStateStore,
  sourceConnectionOptions,
} from './connections.ts';
import { asUnstaleError, UnstaleError } from './errors/unstale-error.ts';
import { MysqlLookups } from './lookup/mysql-lookups.ts';
import { selectorOf } from './mapping/rule.ts';
import { formatSelector } from './mapping/table-selector.ts';
import { assessHealth } from './observability/health.ts';
import type { HealthReport } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics } from './observability/metrics.ts';
import type { Metrics } from './observability/metrics.ts';
import { CheckpointWriter } from './pipeline/checkpoint-writer.ts';
import type { PipelineObserver } from './pipeline/observer.ts';
import type { RateLimits } from './pipeline/delivery.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import type { PipelineOptions } from './pipeline/pipeline.ts';
import type { StartPoint } from './pipeline/ports.ts';
import { requirePreconditions } from './preconditions.ts';
import { createRedisSink } from './redis/sink.ts';
import { createRetryDelay } from './runtime/backoff.ts';
import { withDeadline } from './runtime/deadline.ts';
import { classifyMysqlError } from './runtime/mysql-errors.ts';
import { sleep } from './runtime/sleep.ts';

/** Redis' and MySQL's absence is bridged for ever; what waits is stale, so the pauses stay short (ms). */
const RETRY = { initial: 100, max: 2000 };

/** How often the server's binlog files are looked at, ms. */
const RETENTION_INTERVAL = 5000;

/** How far a daemon is. */
type Phase = 'starting' | 'running' | 'draining' | 'stopped';

export interface Daemon {
  /** Settles when the work has ended: resolves after `stop`, rejects with the UnstaleError that ended it. */
  readonly finished: Promise<void>;
  /** Stops reading, waits for Redis' replies, stores the position; bounded by `shutdown_timeout`. */
  stop(): void;
}

/**
 * Builds a daemon from its configuration and starts it. This is the composition root: every connection is
 * made here, and nothing below knows another part by anything but its port.
 *
 * The promise resolves once changes are followed and the position to resume from is stored.
 * @throws UnstaleError when a precondition fails; everything that was opened is closed again.
 */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const startedAt = Date.now();
  const metrics = createMetrics({ clientId: config.clientId });
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
    const client = openSourceClient(config);
    closers.push(() => client.close());
    const state = openStateStore(config, log);
    closers.push(() => state.close());

    const source = new MysqlSource({
      client,
      connection: () => sourceConnectionOptions(config),
      classifyError: (error) => classifyMysqlError(error, 'binlog'),
      interests: config.plan.interests,
      stateSchema: config.state.sameServer ? config.state.database : undefined,
      serverId: config.source.serverId,
      resumeBy: config.source.resumeBy,
      onGap: config.source.onGap,
      gapWait: config.source.gapWait,
      rowMetadata: config.source.rowMetadata,
      verifyChecksums: config.source.verifyChecksums,
      hints: config.source.hints,
      heartbeatInterval: config.source.heartbeatInterval,
      silenceTimeout: config.source.silenceTimeout,
      startTimeout: config.source.startTimeout,
      maxBufferedBytes: config.source.maxBufferedBytes,
      retryDelay,
      sleep,
      log,
      onConnect: () => metrics.binlogConnect(),
    });
    const writer = new CheckpointWriter({
      store: state.store,
      clientId: config.clientId,
      mappingHash: config.plan.hash,
      flushInterval: config.state.flushInterval,
      sleep,
      log,
      onStored: () => metrics.positionWrite(),
    });
    const barrier = openBarrier(config, metrics, log, source, closers);
    const pipeline = new Pipeline({
      source,
      sink: createRedisSink({
        connection: redis,
        scopeScanRate: config.redis.scopeScanRate,
        publish: config.publish,
        sleep,
        log,
        observer: { replied: (cls) => metrics.redisReplies(cls, 1) },
      }),
      plan: config.plan,
      barrier,
      limits: config.batch,
      ...openLookups(config, metrics, log, closers),
      rateLimits: rateLimitsOf(config),
      retryDelay,
      sleep,
      observer: observe(metrics, (error) => {
        lastError = asUnstaleError(error);
      }),
      log,
      onApplied: (position) => {
        writer.advance(position);
        source.applied(position);
      },
    });
    const retention = new RetentionWatch({
      client,
      stored: () => writer.stored,
      onFiles: (files) => source.compare(files),
      interval: RETENTION_INTERVAL,
      sleep,
      log,
    });

    const lagMs = (): number => {
      const oldest = pipeline.oldestUnappliedAt;
      return oldest === undefined ? 0 : Math.max(0, Date.now() - oldest);
    };
    metrics.gauges({
      lagSeconds: () => lagMs() / 1000,
      lastEventAgeSeconds: () => seconds(source.lastActivityAge),
      inFlightBytes: () => pipeline.inFlightBytes + source.bufferedBytes,
      pausedSeconds: () => source.pausedMs / 1000,
      hintsUnread: () => source.unreadHints,
      gapBytesToOldestBinlog: () => retention.retention?.bytesToOldest,
      positionAgeSeconds: () => writer.staleness / 1000,
      deletesDelayed: () => pipeline.heldDeletes,
    });
    const health = (): HealthReport =>
      assessHealth({
        started: phase !== 'starting',
        draining: phase === 'draining' || phase === 'stopped',
        streaming: source.isStreaming,
        paused: source.isPaused,
        lastEventAgeMs: source.lastActivityAge,
        silenceTimeoutMs: config.source.silenceTimeout,
        redisReachable: redis.isReachable() && !pipeline.retrying,
        lagMs: lagMs(),
        maxLagMs: config.health.maxLag,
        ...(source.openGap === undefined ? {} : { gap: source.openGap }),
        ...(fatal === undefined ? {} : { fatal: { code: fatal.code, message: fatal.message } }),
      });

    if (config.admin !== undefined) {
      const admin = createAdminServer({
        ...config.admin,
        handlers: {
          metrics: () => metrics.registry.metrics(),
          contentType: metrics.registry.contentType,
          health,
          status: () => ({
            client_id: config.clientId,
            state: phase,
            ...health(),
            uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
            mapping_hash: config.plan.hash,
            tables: [...new Set(config.plan.rules.map((rule) => formatSelector(selectorOf(rule))))],
            position: {
              received: describePosition(source.received),
              applied: describePosition(writer.applied),
              stored: describePosition(writer.stored),
            },
            retention: describeRetention(retention.retention),
            barrier: barrier?.answers ?? null,
            lag_ms: lagMs(),
            paused: source.isPaused,
            in_flight_bytes: pipeline.inFlightBytes + source.bufferedBytes,
            last_error: lastError === undefined ? null : { code: lastError.code, message: lastError.message },
          }),
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
    if (checkpoint !== undefined) writer.startFrom(checkpoint.position);
    const start: StartPoint =
      checkpoint === undefined
        ? config.source.initPosition
        : { from: 'checkpoint', position: checkpoint.position };
    const position = await source.open(start, stopping.signal);
    closers.push(() => source.close());
    if (checkpoint === undefined) {
      // Stored before ready: a crash a moment later then resumes here, not at a later "latest".
      writer.advance(position);
      await writer.flush();
    }
    phase = 'running';
    log.info(
      {
        position: formatPosition(position),
        resumed: checkpoint !== undefined,
        mapping_hash: config.plan.hash,
      },
      source.openGap === undefined ? 'ready: following changes' : 'following changes behind the gap',
    );

    let abandoning: NodeJS.Timeout | undefined;
    const drain = async (): Promise<void> => {
      const work = pipeline.run();
      const writing = writer.run(stopping.signal);
      const watching = retention.run(stopping.signal);
      // Whichever fails ends the other; the source's end is what ends the pipeline in order.
      const watch = writing.catch(async (error: unknown) => {
        fatal ??= asUnstaleError(error);
        await source.close();
      });
      try {
        await work;
      } catch (error) {
        fatal ??= asUnstaleError(error);
      }
      clearTimeout(abandoning);
      phase = 'draining';
      stopping.abort();
      await watch;
      await watching;
      try {
        await withDeadline(
          writer.flush(),
          config.shutdownTimeout,
          () =>
            new UnstaleError('UNSTALE_DRAIN_TIMEOUT', 'the position could not be stored before the deadline'),
        );
      } catch (error) {
        fatal ??= asUnstaleError(error);
      }
      const stored = writer.stored;
      log.info(stored === undefined ? {} : { position: formatPosition(stored) }, 'stopped');
      // What matters is done; a server that does not answer must not hold the process.
      await Promise.race([closeAll(), sleep(config.shutdownTimeout)]);
      phase = 'stopped';
      if (fatal !== undefined) throw fatal;
    };

    return {
      finished: drain(),
      stop: () => {
        if (phase !== 'running') return;
        phase = 'draining';
        log.info({}, 'stopping: no new changes are read, open ones are finished');
        abandoning = setTimeout(() => pipeline.abandon(), config.shutdownTimeout);
        source
          .close()
          .catch((error: unknown) => log.debug({ err: error }, 'the binlog source did not close cleanly'));
      },
    };
  } catch (error) {
    stopping.abort();
    await closeAll();
    throw asUnstaleError(error);
  }
}

function openBarrier(
  config: Config,
  metrics: Metrics,
  log: Logger,
  source: MysqlSource,
  closers: (() => Promise<void>)[],
): VisibilityBarrier | undefined {
  const clients = openBarrierClients(config);
  if (clients.length === 0) return undefined;
  closers.push(
    ...clients.map(
      ({ client }) =>
        () =>
          client.close(),
    ),
  );
  const isSource =
    config.source.barrier === 'source'
      ? () => true
      : (serverUuid: string) => serverUuid === source.received?.serverUuid;
  return new VisibilityBarrier({
    servers: clients.map((named) => ({ ...named, isSource })),
    timeout: config.source.barrierTimeout,
    sleep,
    log,
    onWaited: (waited) => metrics.barrierWait(waited),
    onUnknown: () => metrics.barrierTimeout(),
  });
}

function openLookups(
  config: Config,
  metrics: Metrics,
  log: Logger,
  closers: (() => Promise<void>)[],
): Pick<PipelineOptions, 'lookups'> {
  const { lookups } = config.plan;
  if (lookups.length === 0) return {};
  const client = openLookupClient(config);
  closers.push(() => client.close());
  return {
    lookups: new MysqlLookups({
      client,
      lookups,
      retryDelay: createRetryDelay(RETRY),
      now: () => performance.now(),
      log,
      onResult: (result) => metrics.lookup(result),
    }),
  };
}

function rateLimitsOf({ plan, maxDeletesPerSecond }: Config): RateLimits {
  const rules = new Map<string, number>();
  for (const { id, maxDeletesPerSecond: limit } of plan.rules) if (limit !== undefined) rules.set(id, limit);
  return maxDeletesPerSecond === undefined ? { rules } : { rules, global: maxDeletesPerSecond };
}

function observe(metrics: Metrics, onError: (error: Error) => void): PipelineObserver {
  return {
    transaction: () => metrics.transactions(1),
    rows: (op, table, count) => metrics.rowChanges(op, table, count),
    rowsSkipped: (count) => metrics.rowsSkipped(count),
    scope: (reason) => metrics.scopeInvalidation(reason),
    applied: (batch, removed) => {
      const scopes = batch.commands.filter((command) => command.kind === 'scope');
      const count = (kind: CacheCommand['kind']): number =>
        batch.commands.filter((command) => command.kind === kind).length;
      const [deletes, sets, generations] = [count('delete'), count('set-keys'), count('generation')];
      const hits = Math.min(removed, deletes);
      if (hits > 0) metrics.commands(hits, 'delete', 'removed');
      if (deletes > hits) metrics.commands(deletes - hits, 'delete', 'absent');
      if (sets > 0) metrics.commands(sets, 'set', 'done');
      if (generations > 0) metrics.commands(generations, 'generation', 'done');
      if (scopes.length > 0) metrics.commands(scopes.length, 'scope', 'done');
      // The others are counted when they come from the binlog; these begin in the mapping, row by row.
      for (const reason of ['unreadable', 'limit', 'outbox'] as const) {
        if (scopes.some((scope) => scope.reason === reason)) metrics.scopeInvalidation(reason);
      }
    },
    acknowledged: (batch) => {
      metrics.binlogBytes(batch.bytes);
      if (batch.commands.length + batch.lookups.length === 0) return;
      if (batch.oldestCommitAt !== undefined) metrics.commitToRedis(batch.oldestCommitAt);
    },
    retry: (error) => {
      metrics.redisRetry();
      onError(error);
    },
  };
}

function describePosition(position: SourcePosition | undefined): object | null {
  if (position === undefined) return null;
  return { file: position.file, offset: position.offset, gtid_set: position.gtidSet ?? null };
}

function describeRetention(retention: Retention | undefined): object | null {
  if (retention === undefined) return null;
  return { bytes_to_oldest_binlog: retention.bytesToOldest, purge_near: retention.purgeNear };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
