import type { VisibilityBarrier } from './binlog/barrier/visibility-barrier.ts';
import type { Retention, RetentionWatch } from './binlog/retention-watch.ts';
import type { SourcePosition } from './change/position.ts';
import type { UnstaleError } from './errors/unstale-error.ts';
import { selectorOf } from './mapping/rule.ts';
import { formatSelector } from './mapping/table-selector.ts';
import { assessHealth } from './observability/health.ts';
import type { HealthReport } from './observability/health.ts';
import type { GaugeSources, Metrics } from './observability/metrics.ts';
import type { CheckpointWriter } from './pipeline/checkpoint-writer.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import type { RedisConnection } from './redis/connection.ts';
import type { Stream } from './stream.ts';

/** How far a daemon is. */
export type Phase = 'starting' | 'running' | 'draining' | 'stopped';

export interface DaemonParts {
  /** The one that is read now. */
  readonly stream: () => Stream;
  readonly phase: () => Phase;
  readonly fatal: () => UnstaleError | undefined;
  readonly lastError: () => UnstaleError | undefined;
  readonly pipeline: Pipeline;
  readonly writer: CheckpointWriter;
  readonly retention: RetentionWatch;
  readonly redis: RedisConnection;
  readonly barrier: VisibilityBarrier | undefined;
  /** Whether another configuration is on its way. */
  readonly reloading: () => boolean;
  readonly totals: Metrics['totals'];
}

/** What a daemon shows of itself. */
export interface DaemonView {
  readonly gauges: GaugeSources;
  readonly health: () => HealthReport;
  /** Holds no secret and no row value. */
  readonly status: () => object;
  /** A stream is about to be replaced: what it has counted is kept. */
  readonly retire: (stream: Stream) => void;
}

export function createDaemonView(parts: DaemonParts): DaemonView {
  const { stream, phase, fatal, lastError, pipeline, writer, retention, redis, barrier } = parts;
  const startedAt = Date.now();
  /** Of streams that were replaced. */
  const before = { pausedMs: 0, unreadHints: 0 };
  const lagMs = (): number => {
    const oldest = pipeline.oldestUnappliedAt;
    return oldest === undefined ? 0 : Math.max(0, Date.now() - oldest);
  };
  const inFlightBytes = (): number => pipeline.inFlightBytes + stream().source.bufferedBytes;
  const health = (): HealthReport => {
    const { source, config } = stream();
    const [gap, ended] = [source.openGap, fatal()];
    return assessHealth({
      started: phase() !== 'starting',
      draining: phase() === 'draining' || phase() === 'stopped',
      streaming: source.isStreaming,
      paused: source.isPaused,
      lastEventAgeMs: source.lastActivityAge,
      silenceTimeoutMs: config.source.silenceTimeout,
      redisReachable: redis.isReachable() && !pipeline.retrying,
      lagMs: lagMs(),
      maxLagMs: config.health.maxLag,
      ...(gap === undefined ? {} : { gap }),
      ...(ended === undefined ? {} : { fatal: { code: ended.code, message: ended.message } }),
    });
  };
  return {
    gauges: {
      lagSeconds: () => lagMs() / 1000,
      lastEventAgeSeconds: () => seconds(stream().source.lastActivityAge),
      inFlightBytes,
      pausedSeconds: () => (before.pausedMs + stream().source.pausedMs) / 1000,
      hintsUnread: () => before.unreadHints + stream().source.unreadHints,
      gapBytesToOldestBinlog: () => retention.retention?.bytesToOldest,
      positionAgeSeconds: () => writer.staleness / 1000,
      deletesDelayed: () => pipeline.heldDeletes,
    },
    health,
    status: () => {
      const { config, source } = stream();
      const error = lastError();
      return {
        client_id: config.clientId,
        state: phase(),
        dry_run: config.dryRun ?? false,
        ...health(),
        uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
        mapping_hash: config.plan.hash,
        reloading: parts.reloading(),
        totals: parts.totals(),
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
        in_flight_bytes: inFlightBytes(),
        last_error: error === undefined ? null : { code: error.code, message: error.message },
      };
    },
    retire: ({ source }) => {
      before.pausedMs += source.pausedMs;
      before.unreadHints += source.unreadHints;
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
