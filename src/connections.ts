import type { ConnectionOptions } from 'mysql2';
import type { Config } from './config/config.ts';
import { CONCURRENCY } from './lookup/mysql-lookups.ts';
import type { HistoryStore, Log, SqlClient } from './pipeline/ports.ts';
import { connectRedisCluster } from './redis/cluster-connection.ts';
import { connectRedis } from './redis/connection.ts';
import type { RedisConnection } from './redis/connection.ts';
import { createSqlClient } from './runtime/mysql-client.ts';
import { resolveConnectionOptions } from './runtime/mysql-connection.ts';
import { formatEndpoint } from './runtime/mysql-endpoint.ts';
import { createDatasetStore } from './state/dataset-store.ts';
import type { DatasetStore } from './state/dataset-store.ts';
import { createHistoryStore } from './state/history-store.ts';
import { createPositionStore, UNLOGGED_WRITES } from './state/position-store.ts';
import type { MysqlPositionStore } from './state/position-store.ts';
import { createStoppedClient } from './state/stopped-client.ts';
import type { StoppedClient } from './state/stopped-client.ts';
import { NO_HISTORY, readOnlyStore } from './state/read-only-store.ts';

/** Longest wait for the answer to a short question or to a position write, ms. */
const QUERY_TIMEOUT = 10_000;
/** How much later than the server's own timeout a statement of the barrier is given up, ms. */
const BARRIER_GRACE = 500;
/** The same for the query of a rule, ms. */
const LOOKUP_GRACE = 500;

/** The control client of the source: facts, privileges, table definitions. Connects when first asked. */
export function openSourceClient(config: Config): SqlClient {
  return createSqlClient(config.source.connection, { name: 'source', queryTimeout: QUERY_TIMEOUT });
}

/**
 * The barrier's clients of the servers that it asks, by `host:port`: on each a connection for each batch in
 * flight, and one for those in doubt. Connects when first asked.
 */
export function openBarrierClients(config: Config): { readonly name: string; readonly client: SqlClient }[] {
  const { barrier, connection, barrierTimeout } = config.source;
  if (barrier === 'none') return [];
  // Connecting and waiting are each bounded by the timeout, so that questions without answer do not pile up.
  return (barrier === 'source' ? [connection] : barrier).map((server) => ({
    name: formatEndpoint(server),
    client: createSqlClient(
      { ...server, connectTimeout: Math.min(server.connectTimeout, barrierTimeout) },
      {
        name: 'barrier',
        queryTimeout: barrierTimeout + BARRIER_GRACE,
        maxConnections: config.batch.inFlight + 1,
      },
    ),
  }));
}

/** The client for the queries of rules. Connects when first asked. */
export function openLookupClient(config: Config): SqlClient {
  const { connection, timeout } = config.lookups;
  return createSqlClient(connection, {
    name: 'lookups',
    queryTimeout: timeout + LOOKUP_GRACE,
    maxConnections: CONCURRENCY,
  });
}

/** A client of the source that cannot write, for statements of at most `timeout` ms. Connects when first asked. */
export function openReadOnlyClient(config: Config, timeout: number): SqlClient {
  return createSqlClient(config.source.connection, {
    name: 'explain',
    queryTimeout: timeout + LOOKUP_GRACE,
    sessionSetup: ['SET SESSION TRANSACTION READ ONLY'],
  });
}

/** What zongji needs to open the dump's connections, TLS settled. */
export function sourceConnectionOptions(config: Config): Promise<ConnectionOptions> {
  const { connection } = config.source;
  return resolveConnectionOptions(connection, connection.connectTimeout);
}

/** What a daemon keeps beyond its end. */
export interface StateStores {
  readonly store: MysqlPositionStore;
  readonly history: HistoryStore;
  readonly datasets: DatasetStore;
  readonly stopped: StoppedClient;
  close(): Promise<void>;
}

/** The stored positions, which a dry run only reads. Connects when first asked. */
export function openStateStore(config: Config, log: Log): StateStores {
  const client = createSqlClient(config.state.connection, {
    name: 'state',
    queryTimeout: QUERY_TIMEOUT,
    // On another server than the source the positions are data like any other and may be replicated.
    optionalSessionSetup: config.state.sameServer ? UNLOGGED_WRITES : [],
  });
  const store = createPositionStore({
    client,
    database: config.state.database,
    clientId: config.clientId,
    log,
  });
  const tables = { client, database: config.state.database, clientId: config.clientId };
  return {
    store: config.dryRun ? readOnlyStore(store, log) : store,
    history: config.dryRun ? NO_HISTORY : createHistoryStore(tables),
    datasets: createDatasetStore(tables),
    stopped: createStoppedClient(tables),
    close: () => client.close(),
  };
}

/** The connection to Redis, to one or to a cluster; connects at once and for ever. */
export function openRedis({ redis, clientId }: Config, log: Log): RedisConnection {
  const options = { ...redis, clientName: `unstale-${clientId}` };
  if (redis.cluster !== undefined) return connectRedisCluster(options, redis.cluster, log);
  return connectRedis(options, log);
}
