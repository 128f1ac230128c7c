import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type {
  AdminConfig,
  LookupsConfig,
  PublishConfig,
  Settings,
  SourceConfig,
  StateConfig,
} from './config.ts';
import { isLoopback } from '../runtime/loopback.ts';
import type { ConfigDocument } from './document.ts';
import type { Included } from './include.ts';
import { requireLookupsBehindBarrier } from './lookups-server.ts';
import { resolveBarrierServers } from './resolve-barrier.ts';
import { namesServer, resolveMysqlConnection } from './resolve-mysql.ts';
import { resolveRedis } from './resolve-redis.ts';
import { hasNoRules, resolveRules } from './resolve-rules.ts';
import type { RawConfig, RawLookups, RawSource, RawState } from './schema.ts';

const MIB = 1024 * 1024;
const SHORTEST_TOKEN = 16;
const DEFAULT_TOMBSTONE = 600_000;
const LOOKUP_DEFAULTS = { timeout: 2000, cache: 0, maxKeys: 1000 };

/** Gives every field its default and judges fields together. Undefined after a problem; all are reported. */
export async function resolveConfig(
  document: ConfigDocument,
  raw: RawConfig,
  included: Included,
): Promise<Settings | undefined> {
  const clientId = raw.client_id;
  if (!document.has(['client_id'])) {
    const remedy = 'name this daemon, for example client_id: shop';
    document.report(['client_id'], 'there is no client_id', remedy);
  }
  const source = await resolveSource(document, raw.source ?? {}, clientId);
  const state = await resolveState(document, raw.state ?? {}, source);
  const redis = await resolveRedis(document, raw.redis ?? {});
  const lookups = await resolveLookups(document, raw.lookups ?? {}, source);
  const lists = [{ document, raw: raw.rules }, ...included.lists];
  if (included.isComplete && lists.every((list) => hasNoRules(list.document))) {
    const remedy = 'write for example rules: [{table: shop.users, key: "user:{id}"}]';
    document.report(['rules'], 'there are no rules', remedy);
  }
  // Without a server for them, queries are only judged by themselves.
  const guards = { guard: raw.guard ?? 'lease', replicaHold: raw.replica_hold ?? 0 };
  const rules = resolveRules(lists, {
    lookups: lookups ?? { connection: PLACEHOLDER, ...LOOKUP_DEFAULTS },
    guards,
  });
  const publish = resolvePublish(document, raw.publish ?? undefined);
  if (source !== undefined && lookups !== undefined)
    requireLookupsBehindBarrier(document, source, lookups, rules);
  if (clientId === undefined || source === undefined || state === undefined || lookups === undefined)
    return undefined;
  return {
    file: document.file,
    clientId,
    source,
    state,
    redis,
    batch: {
      maxCommands: raw.batch?.max_commands ?? 1000,
      maxBytes: raw.batch?.max_bytes ?? MIB,
      maxDelay: raw.batch?.max_delay ?? 2,
      inFlight: raw.batch?.in_flight ?? 2,
    },
    rules,
    guards,
    tombstone: raw.tombstone ?? DEFAULT_TOMBSTONE,
    files: [resolve(document.file), ...included.files],
    directories: included.directories,
    lookups,
    ...(raw.max_deletes_per_second === undefined ? {} : { maxDeletesPerSecond: raw.max_deletes_per_second }),
    ...(publish === undefined ? {} : { publish }),
    reload: { watch: raw.reload?.watch ?? false, invalidate: raw.reload?.invalidate ?? false },
    admin: resolveAdmin(document, raw.admin ?? undefined),
    health: { maxLag: raw.health?.max_lag ?? 60_000 },
    shutdownTimeout: raw.shutdown_timeout ?? 10_000,
    log: { level: raw.log?.level ?? 'info', format: raw.log?.format ?? 'json' },
  };
}

/**
 * A server id for a daemon without one: stable, and in the upper half of the 32-bit range, where people put
 * no servers.
 */
export function deriveServerId(clientId: string): number {
  return (createHash('sha256').update(clientId).digest().readUInt32BE(0) % 2 ** 31) + 2 ** 31;
}

async function resolveSource(
  document: ConfigDocument,
  raw: RawSource,
  clientId: string | undefined,
): Promise<SourceConfig | undefined> {
  const connection = await resolveMysqlConnection(document, 'source', raw);
  const heartbeatInterval = raw.heartbeat_interval ?? 5000;
  const silenceTimeout = raw.silence_timeout ?? 3 * heartbeatInterval + 5000;
  if (silenceTimeout <= heartbeatInterval) {
    const remedy = 'write about three times source.heartbeat_interval, or remove the field';
    document.report(['source', 'silence_timeout'], 'is not longer than the heartbeat interval', remedy);
  }
  const barrier = Array.isArray(raw.barrier)
    ? resolveBarrierServers(document, raw.barrier, connection)
    : (raw.barrier ?? 'source');
  if (connection === undefined) return undefined;
  return {
    connection,
    serverId: raw.server_id ?? deriveServerId(clientId ?? ''),
    initPosition: raw.init_position ?? { from: 'latest' },
    resumeBy: raw.resume_by ?? 'auto',
    verifyChecksums: raw.verify_checksums ?? true,
    onGap: raw.on_gap ?? 'halt',
    gapWait: raw.gap_wait ?? 10_000,
    heartbeatInterval,
    silenceTimeout,
    startTimeout: raw.start_timeout ?? 30_000,
    maxBufferedBytes: raw.max_buffered_bytes ?? 256 * 1024,
    rowMetadata: raw.row_metadata ?? 'full',
    barrier,
    barrierTimeout: raw.barrier_timeout ?? 2000,
    hints: raw.hints ?? false,
  };
}

async function resolveLookups(
  document: ConfigDocument,
  raw: RawLookups,
  source: SourceConfig | undefined,
): Promise<LookupsConfig | undefined> {
  const sameServer = !namesServer(document, 'lookups');
  const inherited = sameServer ? (source?.connection ?? PLACEHOLDER) : undefined;
  const connection = await resolveMysqlConnection(document, 'lookups', raw, inherited);
  if (connection === undefined) return undefined;
  return {
    connection,
    timeout: raw.timeout ?? LOOKUP_DEFAULTS.timeout,
    cache: raw.cache ?? LOOKUP_DEFAULTS.cache,
    maxKeys: raw.max_keys ?? LOOKUP_DEFAULTS.maxKeys,
  };
}

function resolvePublish(document: ConfigDocument, raw: RawConfig['publish']): PublishConfig | undefined {
  const path = ['publish'];
  if (raw === undefined || raw === null) return undefined;
  const { channel, stream, max_len: maxLen } = raw;
  if (!document.has([...path, 'channel']) && !document.has([...path, 'stream'])) {
    document.report(path, 'names neither a channel nor a stream', 'write channel, stream or both', {
      key: true,
    });
  }
  if (maxLen !== undefined && !document.has([...path, 'stream'])) {
    document.report([...path, 'max_len'], 'has no effect without a stream', 'write stream too, or remove it');
  }
  return {
    ...(channel === undefined ? {} : { channel }),
    ...(stream === undefined ? {} : { stream }),
    maxLen: maxLen ?? 10_000,
  };
}

/** An empty token is none: `${NAME:-}` is how people leave it open. */
function resolveAdmin(document: ConfigDocument, raw: RawConfig['admin']): AdminConfig | undefined {
  const listen = raw?.listen ?? { host: '127.0.0.1', port: 9630 };
  const token = raw?.token ?? '';
  if (token !== '' && token.length < SHORTEST_TOKEN) {
    document.report(['admin', 'token'], 'can be guessed', `write at least ${SHORTEST_TOKEN} characters`);
  } else if (!/^[\x21-\x7e]*$/.test(token)) {
    const remedy = 'write letters, digits and punctuation, without spaces or line ends';
    document.report(['admin', 'token'], 'holds what no HTTP header can hold', remedy);
  }
  if (listen === 'off') return undefined;
  // A token that is written, but wrong, is reported by itself.
  const hasNone = token === '' && (raw?.token === '' || !document.has(['admin', 'token']));
  if (hasNone && !isLoopback(listen.host)) {
    const remedy = 'set admin.token too, for example token: ${UNSTALE_TOKEN}, or listen on 127.0.0.1:9630';
    document.report(
      ['admin', 'listen'],
      'can be reached from other machines, and there is no admin.token',
      remedy,
    );
  }
  return token === '' ? listen : { ...listen, token };
}

async function resolveState(
  document: ConfigDocument,
  raw: RawState,
  source: SourceConfig | undefined,
): Promise<StateConfig | undefined> {
  const sameServer = !namesServer(document, 'state');
  // Without a source, a state on the same server is only judged by its own fields.
  const inherited = sameServer ? (source?.connection ?? PLACEHOLDER) : undefined;
  const connection = await resolveMysqlConnection(document, 'state', raw, inherited);
  if (connection === undefined) return undefined;
  return {
    connection,
    sameServer,
    database: raw.database ?? 'unstale',
    flushInterval: raw.flush_interval ?? 1000,
    leaseTimeout: raw.lease_timeout ?? 5000,
  };
}

const PLACEHOLDER = { host: '', port: 0, user: '', sslMode: 'preferred', connectTimeout: 0 } as const;
