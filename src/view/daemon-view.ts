import type { VisibilityBarrier } from '../binlog/barrier/visibility-barrier.ts';
import type { Config } from '../config/config.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import { selectorOf } from '../mapping/rule.ts';
import { formatSelector } from '../mapping/table-selector.ts';
import { assessHealth, assessStandby } from '../observability/health.ts';
import type { HealthReport } from '../observability/health.ts';
import type { LogLevel } from '../observability/logger.ts';
import type { GaugeSources } from '../observability/metrics.ts';
import type { OperatorPause } from '../operator/pause.ts';
import { shownIfAny } from '../operator/shown-position.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { Candidate } from '../state/candidate.ts';
import type { Stream } from '../stream.ts';
import type { Leadership } from '../term/leadership.ts';
import { describeLease, describeRetention, describeWork, sampleOf } from './daemon-status.ts';
import type { Insight, Moment } from './insight.ts';

export interface DaemonParts {
  /** The one in force. */
  readonly config: () => Config;
  readonly leadership: Leadership;
  /** Undefined in a dry run. */
  readonly candidate: Candidate | undefined;
  readonly lastError: () => UnstaleError | undefined;
  readonly redis: RedisConnection;
  readonly barrier: VisibilityBarrier | undefined;
  readonly insight: Insight;
  readonly pause: OperatorPause;
  readonly logLevel: () => LogLevel;
  /** Whether another configuration is on its way. */
  readonly reloading: () => boolean;
}

/** What a daemon shows of itself. */
export interface DaemonView {
  readonly gauges: GaugeSources;
  readonly health: () => HealthReport;
  /** Holds no secret and no row value. */
  readonly status: () => object;
  /** What charts are made of. */
  readonly moment: () => Moment;
  /** Time for which the binlog was held back because Redis did not keep up, ms. */
  readonly heldBackMs: () => number;
  /** A stream is about to be replaced, or done with: what it has counted is kept. */
  readonly retire: (stream: Stream) => void;
}

export function createDaemonView(parts: DaemonParts): DaemonView {
  const { leadership, candidate, lastError, redis, barrier, insight } = parts;
  const startedAt = Date.now();
  /** Of streams that are done with. */
  const before = { pausedMs: 0, unreadHints: 0 };
  const stream = (): Stream | undefined => leadership.begun?.stream;
  const lagMs = (): number | undefined => {
    const term = leadership.begun;
    if (term === undefined) return undefined;
    const oldest = term.pipeline.oldestUnappliedAt;
    return oldest === undefined ? 0 : Math.max(0, Date.now() - oldest);
  };
  const heldBackMs = (): number => before.pausedMs + (stream()?.source.pausedMs ?? 0);
  const inFlightBytes = (): number =>
    (leadership.begun?.pipeline.inFlightBytes ?? 0) + (stream()?.source.bufferedBytes ?? 0);
  const health = (): HealthReport => {
    const { phase, begun: term, fatal: ended } = leadership;
    const fatal = ended === undefined ? {} : { fatal: { code: ended.code, message: ended.message } };
    const draining = phase === 'draining' || phase === 'stopped';
    const redisReachable = redis.isReachable() && term?.pipeline.retrying !== true;
    if (phase === 'standby') {
      return assessStandby({
        draining,
        redisReachable,
        pausedByOperatorSince: parts.pause.since,
        stateReachable: candidate?.isAnswered !== false,
        ...fatal,
      });
    }
    const { health, source: limits } = parts.config();
    const source = term?.stream.source;
    const gap = source?.openGap;
    return assessHealth({
      started: phase !== 'starting',
      draining,
      streaming: source?.isStreaming ?? false,
      paused: source?.isPaused ?? false,
      pausedByOperatorSince: parts.pause.since,
      lastEventAgeMs: source?.lastActivityAge,
      silenceTimeoutMs: limits.silenceTimeout,
      redisReachable,
      leaseHeld: term === undefined || leadership.gate.isOpen(),
      lagMs: lagMs(),
      maxLagMs: health.maxLag,
      ...(gap === undefined ? {} : { gap }),
      ...fatal,
    });
  };
  return {
    gauges: {
      lagSeconds: () => seconds(lagMs()),
      lastEventAgeSeconds: () => seconds(stream()?.source.lastActivityAge),
      inFlightBytes,
      pausedSeconds: () => (heldBackMs() + parts.pause.extraMs) / 1000,
      hintsUnread: () => before.unreadHints + (stream()?.source.unreadHints ?? 0),
      gapBytesToOldestBinlog: () => leadership.begun?.retention.retention?.bytesToOldest,
      positionAgeSeconds: () => seconds(leadership.begun?.writer.staleness),
      deletesDelayed: () => leadership.begun?.pipeline.heldDeletes ?? 0,
      leader: () => (leadership.leads ? 1 : 0),
      ready: () => health().ready,
      purgeNear: () => leadership.begun?.retention.retention?.purgeNear,
      redisNodes: () => insight.redisHealth.nodes.map(sampleOf),
    },
    health,
    status: () => {
      const { begun: term, phase } = leadership;
      const config = parts.config();
      const error = lastError();
      return {
        client_id: config.clientId,
        state: phase,
        leader: leadership.leads,
        lease: describeLease(leadership, candidate),
        dry_run: config.dryRun ?? false,
        ...health(),
        started_at: new Date(startedAt).toISOString(),
        uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
        mapping_hash: config.plan.hash,
        reloading: parts.reloading(),
        tables: [...new Set(config.plan.rules.map((rule) => formatSelector(selectorOf(rule))))],
        position: {
          received: shownIfAny(term?.stream.source.received),
          applied: shownIfAny(term?.writer.applied),
          stored: shownIfAny(term?.writer.stored),
        },
        retention: describeRetention(term?.retention.retention),
        barrier: barrier?.answers ?? null,
        lag_ms: lagMs() ?? null,
        paused: term?.stream.source.isPaused ?? false,
        paused_by_operator: parts.pause.since !== undefined,
        log_level: parts.logLevel(),
        in_flight_bytes: inFlightBytes(),
        last_error: error === undefined ? null : { code: error.code, message: error.message },
        ...describeWork({ plan: config.plan, insight, pipeline: term?.pipeline, redis }),
      };
    },
    moment: () => ({ ready: health().ready, lagMs: lagMs(), inFlightBytes: inFlightBytes() }),
    heldBackMs,
    retire: ({ source }) => {
      before.pausedMs += source.pausedMs;
      before.unreadHints += source.unreadHints;
    },
  };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
