import { MysqlSource } from './binlog/mysql-source.ts';
import type { SourcePosition } from './change/position.ts';
import type { Config } from './config/config.ts';
import { guardWithoutVersion } from './mapping/guard.ts';
import { openLookupClient, sourceConnectionOptions } from './connections.ts';
import { MysqlLookups } from './lookup/mysql-lookups.ts';
import { asUnstaleError, UnstaleError } from './errors/unstale-error.ts';
import type { Metrics } from './observability/metrics.ts';
import type { RateLimits } from './pipeline/delivery.ts';
import type { MappedStream } from './pipeline/mapped-stream.ts';
import type { Log, RetryDelay, SqlClient, StartPoint, WriteGate } from './pipeline/ports.ts';
import { classifyMysqlError } from './runtime/mysql-errors.ts';
import { sleep } from './runtime/sleep.ts';
import { growYoungGeneration } from './runtime/young-generation.ts';

/** Bytes of V8's young generation; the values of the batches that are on their way fit into a part of it. */
const YOUNG_WITH_VALUES = 16 * 1024 * 1024;

/** What all streams of a daemon share. */
export interface StreamTools {
  /** The control client of the source. */
  readonly client: SqlClient;
  readonly retryDelay: RetryDelay;
  /**
   * Whether this daemon leads: while it is not certain the binlog is not connected to again, which would push the next
   * leader off it.
   */
  readonly gate: WriteGate;
  readonly metrics: Metrics;
  readonly log: Log;
  /** To be called once at the end, for everything that was opened. */
  readonly closers: (() => Promise<void>)[];
}

/** The binlog as one configuration maps it; its source is not open yet. */
export interface Stream extends MappedStream {
  readonly config: Config;
  readonly source: MysqlSource;
}

/** Makes streams, which share one client for the lookups of rules. */
export function createStreamFactory(tools: StreamTools): (config: Config) => Stream {
  let lookupClient: SqlClient | undefined;
  // Reloads and repetitions make further streams; the heap is watched once.
  let mayGrow = false;
  const lookupClientOf = (config: Config): SqlClient => {
    if (lookupClient !== undefined) return lookupClient;
    const opened = openLookupClient(config);
    tools.closers.push(() => opened.close());
    lookupClient = opened;
    return opened;
  };
  return (config) => {
    if (storesValues(config) && !mayGrow) {
      mayGrow = true;
      growYoungGeneration(YOUNG_WITH_VALUES);
    }
    return {
      config,
      source: createSource(config, { ...tools, onConnect: () => tools.metrics.binlogConnect() }),
      plan: config.plan,
      ...(config.plan.lookups.length === 0
        ? {}
        : { lookups: createLookups(config, lookupClientOf(config), tools) }),
      rateLimits: rateLimitsOf(config),
      ...hintGuardOf(config),
    };
  };
}

/** Whether a rule stores values. */
export function storesValues({ plan }: Config): boolean {
  return plan.rules.some((rule) => rule.kind === 'table' && rule.action.kind === 'update');
}

/**
 * Opens a stream that takes over from another one, for as long as the server cannot be read; resolves with where it
 * begins.
 * @throws UnstaleError when the position cannot be resumed, or the signal aborts.
 */
export async function openStream(
  { source }: Stream,
  start: StartPoint,
  {
    retryDelay,
    log,
    signal,
  }: { readonly retryDelay: RetryDelay; readonly log: Log; readonly signal: AbortSignal },
): Promise<SourcePosition> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await source.open(start, signal);
    } catch (thrown) {
      const error = asUnstaleError(thrown);
      if (error.policy.directive !== 'retry' || signal.aborted) throw error;
      log.warn({ err: error }, 'the binlog cannot be read again yet; trying again');
      await retryDelay(attempt, signal);
    }
  }
}

/** The source of a configuration, not open yet. */
export function createSource(
  config: Config,
  {
    client,
    retryDelay,
    gate,
    log,
    onConnect,
  }: Pick<StreamTools, 'client' | 'retryDelay' | 'gate' | 'log'> & { readonly onConnect: () => void },
): MysqlSource {
  const { source } = config;
  return new MysqlSource({
    client,
    connection: async () => {
      if (gate.isOpen()) return sourceConnectionOptions(config);
      const message = 'it is not certain that this daemon leads; the binlog is read again when it is';
      throw new UnstaleError('UNSTALE_STATE_UNAVAILABLE', message);
    },
    classifyError: (error) => classifyMysqlError(error, 'binlog'),
    interests: config.plan.interests,
    stateSchema: config.state.sameServer ? config.state.database : undefined,
    serverId: source.serverId,
    resumeBy: source.resumeBy,
    onGap: source.onGap,
    gapWait: source.gapWait,
    rowMetadata: source.rowMetadata,
    verifyChecksums: source.verifyChecksums,
    hints: source.hints,
    heartbeatInterval: source.heartbeatInterval,
    silenceTimeout: source.silenceTimeout,
    startTimeout: source.startTimeout,
    maxBufferedBytes: source.maxBufferedBytes,
    retryDelay: async (attempt, signal) => {
      await retryDelay(attempt, signal);
      await gate.opened(signal);
    },
    sleep,
    log,
    onConnect,
  });
}

function createLookups(
  { plan }: Config,
  client: SqlClient,
  { retryDelay, metrics, log }: StreamTools,
): MysqlLookups {
  return new MysqlLookups({
    client,
    lookups: plan.lookups,
    retryDelay,
    now: () => performance.now(),
    log,
    onResult: (result) => metrics.lookup(result),
  });
}

function rateLimitsOf({ plan, maxDeletesPerSecond }: Config): RateLimits {
  const rules = new Map<string, number>();
  for (const { id, maxDeletesPerSecond: limit } of plan.rules) if (limit !== undefined) rules.set(id, limit);
  return maxDeletesPerSecond === undefined ? { rules } : { rules, global: maxDeletesPerSecond };
}

/** Of deletes that comments ask for. */
function hintGuardOf({ guards: { guard: kind, replicaHold } }: Config): Pick<MappedStream, 'hintGuard'> {
  // A comment knows no version.
  const guard = guardWithoutVersion(kind === 'none' ? { kind } : { kind: 'lease', replicaHold });
  return guard === undefined ? {} : { hintGuard: guard };
}
