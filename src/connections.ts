import type { ConnectionOptions } from 'mysql2';
import type { Config } from './config/config.ts';
import { CONCURRENCY } from './lookup/mysql-lookups.ts';
import type { HistoryStore, Log, PositionStore, SqlClient, SqlWriter } from './pipeline/ports.ts';
import { connectRedisCluster } from './redis/cluster-connection.ts';
import { connectRedis } from './redis/connection.ts';
import type { RedisConnection } from './redis/connection.ts';
import { createSqlClient } from './runtime/mysql-client.ts';
import { resolveConnectionOptions } from './runtime/mysql-connection.ts';
import { formatEndpoint } from './runtime/mysql-endpoint.ts';
import type { Fence } from './state/fence.ts';
import { lockName } from './state/lock-name.ts';
import { migrateState } from './state/migrate.ts';
import { createStoppedClient } from './state/stopped-client.ts';
import type { StoppedClient } from './state/stopped-client.ts';
import { NO_HISTORY, readOnlyStore } from './state/read-only-store.ts';
import { openStateTables } from './state/state-tables.ts';
import type { StateTables } from './state/state-tables.ts';

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

/** The one session with the server of the state: of its lock, and of all that is written in the name of its holder. */
export interface StateConnection {
  readonly client: SqlWriter;
  /** The tables, written in the name of a leader; a dry run only reads them. */
  readonly tables: (fence: Fence) => StateTables;
  close(): Promise<void>;
}

/**
 * Connects when first asked.
 *
 * @param onLost of a daemon that may lead: is called at once when the session is gone. The server ends the session, and
 *   frees its lock, when nothing is heard of it for `state.lease_timeout`
 */
export function openState(config: Config, log: Log, onLost?: () => void): StateConnection {
  const { connection, database, leaseTimeout } = config.state;
  const client = createSqlClient(connection, {
    name: 'state',
    queryTimeout: QUERY_TIMEOUT,
    sessionSetup: onLost === undefined ? [] : [`SET SESSION wait_timeout = ${leaseTimeout / 1000}`],
    ...(onLost === undefined ? {} : { onLost }),
  });
  return {
    client,
    tables: (fence) => {
      const tables = openStateTables({ client, database, clientId: config.clientId, fence });
      if (!config.dryRun) return tables;
      return { ...tables, store: readOnlyStore(tables.store, log), history: NO_HISTORY };
    },
    close: () => client.close(),
  };
}

/** What operators see and change of the stored position. */
export interface StoredState {
  readonly store: Pick<PositionStore, 'load'>;
  readonly history: Pick<HistoryStore, 'loadAll'>;
  readonly stopped: StoppedClient;
  /** See `migrateState`. */
  migrate(): Promise<void>;
  close(): Promise<void>;
}

/** An operator's session of which nothing is heard for so long ends, s: it may hold the lock, and no daemon could lead. */
const OPERATOR_SILENCE = 60;

/** The stored position of a client, beside its daemons. Connects when first asked. */
export function openStoredState({ state, clientId }: Config, log: Log): StoredState {
  const { connection, database } = state;
  const client = createSqlClient(connection, {
    name: 'state',
    queryTimeout: QUERY_TIMEOUT,
    sessionSetup: [`SET SESSION wait_timeout = ${OPERATOR_SILENCE}`],
  });
  const tables = { client, database, clientId };
  const stopped = createStoppedClient(tables);
  // Whatever the number, it is not the newest one of somebody who holds the lock: nothing can be written.
  const { store, history } = openStateTables({
    ...tables,
    fence: { lock: lockName(database, clientId), token: 0 },
  });
  return {
    store,
    history,
    stopped,
    migrate: () => migrateState({ client, database, log }),
    close: () => client.close(),
  };
}

/** The connection to Redis, to one or to a cluster; connects at once and for ever. */
export function openRedis({ redis, clientId }: Config, log: Log): RedisConnection {
  const options = { ...redis, clientName: `unstale-${clientId}` };
  if (redis.cluster !== undefined) return connectRedisCluster(options, redis.cluster, log);
  return connectRedis(options, log);
}
