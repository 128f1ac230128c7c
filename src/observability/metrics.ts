import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricsOptions {
  /** Default label `client_id` of every metric. */
  readonly clientId: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export type LookupResultLabel = 'ok' | 'cached' | 'overflow' | 'failed';
export type RowOperationLabel = 'insert' | 'update' | 'delete';
export type ScopeReasonLabel =
  'truncate' | 'ddl' | 'statement' | 'unreadable' | 'gap' | 'limit' | 'outbox' | 'reload';

/**
 * A delete either `removed` a cached key or found it `absent`. An update was `stored`, `skipped` because nobody had
 * asked for the key, or the key is gone: `dropped` because its age was unknown, `refused` because it was newer. A scope, a set and a generation are
 * `done`; `poisoned` is a command that Redis refuses for good.
 */
export type CommandOutcome =
  | readonly [kind: 'delete', result: 'removed' | 'absent' | 'poisoned']
  | readonly [kind: 'update', result: 'stored' | 'skipped' | 'dropped' | 'refused' | 'poisoned']
  | readonly [kind: 'scope' | 'set' | 'generation', result: 'done' | 'poisoned'];

/** Read at each scrape. `undefined`: nothing is known yet, and the metric shows no sample. */
export interface GaugeSources {
  /** Age of the oldest commit that Redis has not acknowledged, seconds; 0 when none waits. */
  readonly lagSeconds: () => number | undefined;
  /** Since any event or heartbeat arrived, seconds. */
  readonly lastEventAgeSeconds: () => number | undefined;
  /** Binlog bytes received and not yet acknowledged by Redis. */
  readonly inFlightBytes: () => number | undefined;
  /** Total time that the binlog stood paused for a slow Redis since the start, seconds; never falls. */
  readonly pausedSeconds: () => number | undefined;
  /** Texts since the start that may name keys and were not searched; never falls. */
  readonly hintsUnread: () => number;
  /** Binlog from the beginning of the server's oldest file to the stored position, bytes. */
  readonly gapBytesToOldestBinlog: () => number | undefined;
  /** Age of the stored position while a newer one waits to be stored, seconds; 0 when none waits. */
  readonly positionAgeSeconds: () => number | undefined;
  /** Deletes that wait for a limit. */
  readonly deletesDelayed: () => number;
}

/** Counts are added once a slice or batch, never once a row. */
export interface Metrics {
  readonly registry: Registry;
  transactions(count: number): void;
  /** By the name of a mapped table or the pattern that selects it, so that the number of series stays bounded. */
  rowChanges(op: RowOperationLabel, table: string, count: number): void;
  rowsSkipped(count: number): void;
  commands(count: number, ...outcome: CommandOutcome): void;
  /** Redis acknowledged a batch whose oldest commit was at `oldestCommitAt`, ms since the epoch. */
  commitToRedis(oldestCommitAt: number): void;
  binlogBytes(bytes: number): void;
  binlogConnect(): void;
  /** `ok`, or the class of the error: busy, timeout, unreachable, … */
  redisReplies(replyClass: string, count: number): void;
  redisRetry(): void;
  failoverReplay(): void;
  /** A batch has waited for the visibility of its changes, seconds. */
  barrierWait(waited: number): void;
  barrierTimeout(): void;
  lookup(result: LookupResultLabel): void;
  positionWrite(): void;
  scopeInvalidation(reason: ScopeReasonLabel): void;
  /** Since the start. */
  totals(): { readonly transactions: number; readonly row_changes: number };
  /** Binds the metrics that are read at scrape time; called once, by the composition root. */
  gauges(sources: GaugeSources): void;
}

const ROW_OPERATIONS: readonly RowOperationLabel[] = ['insert', 'update', 'delete'];
const SCOPE_REASONS: readonly ScopeReasonLabel[] = [
  'truncate',
  'ddl',
  'statement',
  'unreadable',
  'gap',
  'limit',
  'outbox',
  'reload',
];
const LOOKUP_RESULTS: readonly LookupResultLabel[] = ['ok', 'cached', 'overflow', 'failed'];

/** Half a millisecond to a minute: a delete beside the source takes 1 ms, one behind an outage minutes. */
const COMMIT_TO_REDIS_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** A tenth of a millisecond, which is an answer from memory, to the default timeout and beyond. */
const BARRIER_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2.5, 5,
];

/**
 * The daemon's metrics in a registry of their own, so that two daemons in one process do not share numbers.
 * Process metrics keep the names that every Prometheus dashboard expects (`process_…`, `nodejs_…`).
 * docs/metrics.md describes each metric; a test compares.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const now = options.now ?? Date.now;
  const registry = new Registry();
  registry.setDefaultLabels({ client_id: options.clientId });
  collectDefaultMetrics({ register: registry });

  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
    collect?: (this: Counter<Label>) => void,
  ) =>
    new Counter<Label>({
      name: `unstale_${name}`,
      help,
      labelNames,
      registers: [registry],
      ...(collect ? { collect } : {}),
    });

  // What is counted with every transaction is a plain number until somebody asks: finding a series costs more
  // than decoding a row.
  let transactions = 0;
  const rowChanges = new Map<string, Record<RowOperationLabel, number>>();
  counter('transactions_total', 'Transactions read from the binlog.', [], function () {
    this.reset();
    this.inc(transactions);
  });
  counter('row_changes_total', 'Row changes of mapped tables.', ['op', 'table'], function () {
    this.reset();
    for (const [table, counts] of rowChanges) {
      for (const op of ROW_OPERATIONS) if (counts[op] > 0) this.inc({ op, table }, counts[op]);
    }
  });
  const rowsSkipped = counter('rows_skipped_total', 'Row changes of mapped tables that gave no key.');
  const commands = counter('commands_total', 'Cache commands by what became of them.', ['kind', 'result']);
  const commitToRedis = new Histogram({
    name: 'unstale_commit_to_redis_seconds',
    help: "Time from a batch's oldest commit to Redis' reply to the batch.",
    buckets: COMMIT_TO_REDIS_BUCKETS,
    registers: [registry],
  });
  const barrierWaits = new Histogram({
    name: 'unstale_barrier_seconds',
    help: 'Time for which a batch waited until its changes were visible.',
    buckets: BARRIER_BUCKETS,
    registers: [registry],
  });
  const lookups = counter('lookup_total', 'Lookups by what they gave.', ['result']);
  const barrierTimeouts = counter(
    'barrier_timeouts_total',
    'Batches sent before they were known to be visible.',
  );
  const binlogBytes = counter('binlog_bytes_total', 'Binlog bytes received.');
  const binlogConnects = counter('binlog_connects_total', 'Binlog streams opened, the first included.');
  const redisReplies = counter('redis_replies_total', 'Replies of Redis by class.', ['class']);
  const redisRetries = counter('redis_retries_total', 'Batches that were sent to Redis again.');
  const failoverReplays = counter(
    'failover_replays_total',
    'Times that changes were applied again because Redis has other data than before.',
  );
  const positionWrites = counter('position_writes_total', 'Positions stored.');
  const scopes = counter('scope_invalidations_total', 'Events after which every key of a table had to go.', [
    'reason',
  ]);

  // A series that appears with its first event hides that event from rate(); known series start at zero.
  for (const result of ['removed', 'absent', 'poisoned']) commands.inc({ kind: 'delete', result }, 0);
  for (const result of ['stored', 'skipped', 'dropped', 'refused', 'poisoned']) {
    commands.inc({ kind: 'update', result }, 0);
  }
  for (const kind of ['scope', 'set', 'generation']) {
    for (const result of ['done', 'poisoned']) commands.inc({ kind, result }, 0);
  }
  redisReplies.inc({ class: 'ok' }, 0);
  for (const reason of SCOPE_REASONS) scopes.inc({ reason }, 0);
  for (const result of LOOKUP_RESULTS) lookups.inc({ result }, 0);

  let sources: GaugeSources | undefined;
  const gauge = (name: string, help: string, source: keyof GaugeSources) =>
    new Gauge({
      name: `unstale_${name}`,
      help,
      registers: [registry],
      collect() {
        const value = sources?.[source]();
        if (value === undefined) this.remove();
        // Clocks of two machines differ: an age below zero is one of zero.
        else this.set(Math.max(0, value));
      },
    });
  gauge('lag_seconds', 'Age of the oldest commit that Redis has not acknowledged.', 'lagSeconds');
  gauge('last_event_age_seconds', 'Time since any event or heartbeat arrived.', 'lastEventAgeSeconds');
  gauge('in_flight_bytes', 'Binlog bytes that Redis has not acknowledged yet.', 'inFlightBytes');
  gauge('deletes_delayed', 'Deletes that wait for a rate limit.', 'deletesDelayed');
  gauge('position_age_seconds', 'Age of the stored position while a newer one waits.', 'positionAgeSeconds');
  gauge(
    'gap_bytes_to_oldest_binlog',
    "Binlog from the beginning of the server's oldest file to the stored position.",
    'gapBytesToOldestBinlog',
  );
  counter('paused_seconds_total', 'Time for which the binlog stood paused for Redis.', [], function () {
    this.reset();
    this.inc(Math.max(0, sources?.pausedSeconds() ?? 0));
  });
  counter('hints_unread_total', 'Statements that may name keys and were not searched.', [], function () {
    this.reset();
    this.inc(sources?.hintsUnread() ?? 0);
  });

  return {
    registry,
    transactions: (count) => {
      transactions += count;
    },
    rowChanges: (op, table, count) => {
      let counts = rowChanges.get(table);
      if (counts === undefined) rowChanges.set(table, (counts = { insert: 0, update: 0, delete: 0 }));
      counts[op] += count;
    },
    rowsSkipped: (count) => rowsSkipped.inc(count),
    commands: (count, ...[kind, result]) => commands.inc({ kind, result }, count),
    commitToRedis: (oldestCommitAt) => commitToRedis.observe(Math.max(0, now() - oldestCommitAt) / 1000),
    binlogBytes: (bytes) => binlogBytes.inc(bytes),
    binlogConnect: () => binlogConnects.inc(),
    redisReplies: (replyClass, count) => redisReplies.inc({ class: replyClass }, count),
    redisRetry: () => redisRetries.inc(),
    failoverReplay: () => failoverReplays.inc(),
    barrierWait: (waited) => barrierWaits.observe(waited),
    lookup: (result) => lookups.inc({ result }),
    barrierTimeout: () => barrierTimeouts.inc(),
    positionWrite: () => positionWrites.inc(),
    scopeInvalidation: (reason) => scopes.inc({ reason }),
    totals: () => ({
      transactions,
      row_changes: [...rowChanges.values()].reduce(
        (sum, counts) => sum + ROW_OPERATIONS.reduce((all, op) => all + counts[op], 0),
        0,
      ),
    }),
    gauges(given) {
      sources = given;
    },
  };
}
