import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import type { GaugeSources, Metrics } from './metrics.ts';

const sources: GaugeSources = {
  lagSeconds: () => 1.5,
  lastEventAgeSeconds: () => 0.25,
  inFlightBytes: () => 4096,
  pausedSeconds: () => 12,
  hintsUnread: () => 3,
  leader: () => 1,
  deletesDelayed: () => 0,
  ready: () => true,
  purgeNear: () => false,
  redisNodes: () => [
    {
      name: '10.0.0.1:6379',
      ping: 1.5,
      evictedKeys: 7,
      blockedClients: 2,
      usedMemory: 1000,
      maxMemory: 2000,
      evictsAllKeys: true,
      replicaLag: 20,
    },
    {
      name: '10.0.0.2:6379',
      ping: undefined,
      evictedKeys: undefined,
      blockedClients: undefined,
      usedMemory: undefined,
      maxMemory: undefined,
      evictsAllKeys: undefined,
      replicaLag: undefined,
    },
  ],
  positionAgeSeconds: () => 0.75,
  gapBytesToOldestBinlog: () => 8192,
};

async function sample(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.registry.metrics()).split('\n');
  return lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.slice(name.length));
}

describe('the metrics', () => {
  it('count what the daemon reports, a batch at a time', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    metrics.transactions(2);
    metrics.transactions(3);
    metrics.rowChanges('update', 'shop.users', 7);
    metrics.rowsSkipped(1);
    metrics.commands(5, 'delete', 'removed');
    metrics.commands(1, 'scope', 'done');
    metrics.commands(2, 'set', 'done');
    metrics.commands(3, 'generation', 'done');
    metrics.binlogBytes(1000);
    metrics.binlogConnect();
    metrics.redisReplies('ok', 6);
    metrics.redisRetry();
    metrics.positionWrite();
    metrics.scopeInvalidation('truncate');

    expect(await sample(metrics, 'unstale_transactions_total')).toEqual(['{client_id="shop"} 5']);
    expect(await sample(metrics, 'unstale_row_changes_total')).toEqual([
      '{op="update",table="shop.users",client_id="shop"} 7',
    ]);
    expect(await sample(metrics, 'unstale_rows_skipped_total')).toEqual(['{client_id="shop"} 1']);
    const commands = await sample(metrics, 'unstale_commands_total');
    expect(commands).toContain('{kind="delete",result="removed",client_id="shop"} 5');
    expect(commands).toContain('{kind="scope",result="done",client_id="shop"} 1');
    expect(commands).toContain('{kind="set",result="done",client_id="shop"} 2');
    expect(commands).toContain('{kind="generation",result="done",client_id="shop"} 3');
    expect(await sample(metrics, 'unstale_binlog_bytes_total')).toEqual(['{client_id="shop"} 1000']);
    expect(await sample(metrics, 'unstale_binlog_connects_total')).toEqual(['{client_id="shop"} 1']);
    expect(await sample(metrics, 'unstale_redis_replies_total')).toContain('{class="ok",client_id="shop"} 6');
    expect(await sample(metrics, 'unstale_redis_retries_total')).toEqual(['{client_id="shop"} 1']);
    expect(await sample(metrics, 'unstale_position_writes_total')).toEqual(['{client_id="shop"} 1']);
    expect(await sample(metrics, 'unstale_scope_invalidations_total')).toContain(
      '{reason="truncate",client_id="shop"} 1',
    );
  });

  it('show known series at zero, so that rate() sees their first event', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    for (const name of ['commands', 'redis_replies', 'scope_invalidations', 'lookup']) {
      const values = await sample(metrics, `unstale_${name}_total`);
      expect(values.length).toBeGreaterThan(0);
      for (const value of values) expect(value).toMatch(/ 0$/);
    }
  });

  it('time from commit to reply in seconds, and never below zero', async () => {
    const metrics = createMetrics({ clientId: 'shop', now: () => 10_000 });
    metrics.commitToRedis(9998);
    metrics.commitToRedis(10_500);
    const name = 'unstale_commit_to_redis_seconds';
    expect(await sample(metrics, `${name}_sum`)).toEqual(['{client_id="shop"} 0.002']);
    expect(await sample(metrics, `${name}_count`)).toEqual(['{client_id="shop"} 2']);
    const buckets = await sample(metrics, `${name}_bucket`);
    expect(buckets[0]).toBe('{le="0.0005",client_id="shop"} 1');
    expect(buckets.at(-2)).toBe('{le="60",client_id="shop"} 2');
  });

  it('read the gauges at scrape time', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    let lag = 1.5;
    metrics.gauges({ ...sources, lagSeconds: () => lag });
    expect(await sample(metrics, 'unstale_lag_seconds')).toEqual(['{client_id="shop"} 1.5']);
    lag = -0.2;
    expect(await sample(metrics, 'unstale_lag_seconds')).toEqual(['{client_id="shop"} 0']);
    expect(await sample(metrics, 'unstale_last_event_age_seconds')).toEqual(['{client_id="shop"} 0.25']);
    expect(await sample(metrics, 'unstale_in_flight_bytes')).toEqual(['{client_id="shop"} 4096']);
    expect(await sample(metrics, 'unstale_ready')).toEqual(['{client_id="shop"} 1']);
    expect(await sample(metrics, 'unstale_purge_near')).toEqual(['{client_id="shop"} 0']);
    expect(await sample(metrics, 'unstale_position_age_seconds')).toEqual(['{client_id="shop"} 0.75']);
    expect(await sample(metrics, 'unstale_gap_bytes_to_oldest_binlog')).toEqual(['{client_id="shop"} 8192']);
  });

  it('show each Redis that holds keys, as far as it is known', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    metrics.gauges(sources);
    const labels = '{node="10.0.0.1:6379",client_id="shop"}';
    for (const [name, value] of [
      ['ping_seconds', 0.0015],
      ['evicted_keys_total', 7],
      ['blocked_clients', 2],
      ['memory_used_bytes', 1000],
      ['memory_max_bytes', 2000],
      ['evicts_all_keys', 1],
      ['replica_lag_bytes', 20],
    ] as const) {
      expect(await sample(metrics, `unstale_redis_${name}`)).toEqual([`${labels} ${value}`]);
    }
  });

  it('show paused time and unread hints as totals, however often they are read', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    metrics.gauges(sources);
    await metrics.registry.metrics();
    expect(await sample(metrics, 'unstale_paused_seconds_total')).toEqual(['{client_id="shop"} 12']);
    expect(await sample(metrics, 'unstale_hints_unread_total')).toEqual(['{client_id="shop"} 3']);
  });

  it('show no sample for what is not known', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    expect(await sample(metrics, 'unstale_lag_seconds')).toEqual([]);
    metrics.gauges({ ...sources, lagSeconds: () => undefined });
    expect(await sample(metrics, 'unstale_lag_seconds')).toEqual([]);
    expect(await sample(metrics, 'unstale_in_flight_bytes')).toHaveLength(1);
  });

  it('carry the client_id on the metrics of the process too', async () => {
    const metrics = createMetrics({ clientId: 'shop' });
    expect(await sample(metrics, 'process_resident_memory_bytes')).toEqual([
      expect.stringMatching(/^\{client_id="shop"\} \d+$/),
    ]);
  });

  it('are not shared between two daemons', async () => {
    const [shop, blog] = [createMetrics({ clientId: 'shop' }), createMetrics({ clientId: 'blog' })];
    shop.transactions(1);
    expect(await sample(blog, 'unstale_transactions_total')).toEqual(['{client_id="blog"} 0']);
  });
});

interface MetricEntry {
  readonly type: string;
  readonly labels: readonly string[];
}

const byName = (left: string, right: string): number => left.localeCompare(right);

/** The rows of the tables in docs/metrics.md: name, type, labels, meaning, unit. */
async function documented(): Promise<Map<string, MetricEntry>> {
  const text = await readFile(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = text.matchAll(/^\| `([a-z0-9_]+)` \| (\w+) \| ([^|]*) \| [^|]+ \| [^|]+ \|$/gm);
  return new Map(
    [...rows].map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted(byName) },
    ]),
  );
}

function registered(metrics: Metrics): Map<string, MetricEntry> {
  return new Map(
    metrics.registry.getMetricsAsArray().map((metric) => {
      const { type, labelNames = [] } = Object.assign({ type: '', labelNames: [] as string[] }, metric);
      return [metric.name, { type, labels: labelNames.filter((label) => label !== 'le').toSorted(byName) }];
    }),
  );
}

describe('docs/metrics.md', () => {
  const real = registered(createMetrics({ clientId: 'shop' }));
  // Outside Linux Node can tell less about the process, so there a documented metric may be missing.
  const expected = (name: string): boolean => name.startsWith('unstale_') || process.platform === 'linux';

  it('describes every metric with its type and labels', async () => {
    const docs = await documented();
    expect(Object.fromEntries([...real].map(([name]) => [name, docs.get(name)]))).toEqual(
      Object.fromEntries(real),
    );
  });

  it('describes no metric that does not exist', async () => {
    const docs = await documented();
    expect(docs.size).toBeGreaterThan(0);
    expect([...docs.keys()].filter((name) => expected(name) && !real.has(name))).toEqual([]);
  });
});
