import type { Retention } from '../binlog/retention-watch.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import { selectorOf } from '../mapping/rule.ts';
import type { Rule } from '../mapping/rule.ts';
import { formatSelector } from '../mapping/table-selector.ts';
import type { RecentError } from '../observability/error-ring.ts';
import type { RedisNodeSample } from '../observability/redis-metrics.ts';
import { NOTHING } from '../observability/rule-counters.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { NodeHealth } from '../redis/health-probe.ts';
import type { Candidate } from '../state/candidate.ts';
import type { Leadership } from '../term/leadership.ts';
import type { Insight } from './insight.ts';

/** What of a daemon's status others count and look at. */
export interface StatusParts {
  readonly plan: MappingPlan;
  readonly insight: Insight;
  /** Undefined while there is none. */
  readonly pipeline: Pick<Pipeline, 'heldOf'> | undefined;
  readonly redis: Pick<RedisConnection, 'isReachable' | 'name'>;
}

/** The rules, Redis and the last errors, as /status shows them. */
export function describeWork({ plan, insight, pipeline, redis }: StatusParts): object {
  return {
    totals: insight.activity.totals,
    rules: plan.rules.map((rule) => ({
      rule: rule.id,
      table: formatSelector(selectorOf(rule)),
      does: whatItDoes(rule),
      ...(insight.activity.rules.of(rule.id) ?? NOTHING),
      held: pipeline?.heldOf(rule.id) ?? 0,
    })),
    redis: {
      name: redis.name,
      reachable: redis.isReachable(),
      nodes: insight.redisHealth.nodes.map(describeNode),
    },
    recent_errors: insight.errors.recent.map(describeError),
  };
}

/** Whoever leads as far as is known; how long nobody else can is known by the leader only. */
export function describeLease(leadership: Leadership, candidate: Candidate | undefined): object | null {
  const leader = candidate?.leader;
  if (leader === undefined) return null;
  return {
    holder: leader.holder,
    admin_address: leader.adminAddress ?? null,
    fencing_token: leader.token,
    valid_for_ms: leadership.lease === undefined ? null : Math.round(leadership.lease.left()),
  };
}

export function describeRetention(retention: Retention | undefined): object | null {
  if (retention === undefined) return null;
  return { bytes_to_oldest_binlog: retention.bytesToOldest, purge_near: retention.purgeNear };
}

/** What the metrics show of a Redis. */
export function sampleOf({ name, ping, info }: NodeHealth): RedisNodeSample {
  return {
    name,
    ping,
    evictedKeys: info?.load.evictedKeys,
    blockedClients: info?.load.blockedClients,
    usedMemory: info?.load.usedMemory,
    maxMemory: info?.load.maxMemory,
    evictsAllKeys: info?.maxmemoryPolicy?.startsWith('allkeys-'),
    replicaLag: info?.load.replicaLag,
  };
}

function whatItDoes(rule: Rule): 'outbox' | 'update' | 'delete' | 'generation' {
  if (rule.kind === 'outbox') return 'outbox';
  if (rule.action.kind === 'update') return 'update';
  const deletes = rule.keys.length > 0 || rule.keysFromSet.length > 0 || rule.generation === undefined;
  return deletes ? 'delete' : 'generation';
}

/** `null` is not known: there was no answer, or the user may not ask INFO. */
function describeNode(health: NodeHealth): object {
  const { name, ping, info } = health;
  const sample = sampleOf(health);
  return {
    name,
    ping_ms: ping === undefined ? null : Math.round(ping * 100) / 100,
    info: info === undefined ? 'unknown' : 'known',
    version: info === undefined ? null : `${info.implementation} ${info.version}`,
    role: info?.role ?? null,
    memory_used_bytes: sample.usedMemory ?? null,
    memory_max_bytes: sample.maxMemory ?? null,
    maxmemory_policy: info?.maxmemoryPolicy ?? null,
    evicts_all_keys: sample.evictsAllKeys ?? null,
    evicted_keys: sample.evictedKeys ?? null,
    blocked_clients: sample.blockedClients ?? null,
    replicas: info?.load.replicas ?? null,
    replica_lag_bytes: sample.replicaLag ?? null,
  };
}

function describeError({ level, code, message, hint, firstAt, lastAt, count }: RecentError): object {
  return {
    level,
    code,
    message,
    hint,
    first_at: new Date(firstAt).toISOString(),
    last_at: new Date(lastAt).toISOString(),
    count,
  };
}
