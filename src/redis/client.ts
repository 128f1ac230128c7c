import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

/** How to reach one server and how long to wait for it. All times are in ms. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** A Unix domain socket, instead of `host` and `port`. */
  readonly socketPath?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  /** Present: TLS. `ca` is PEM text; `servername` is what the certificate has to name, if not `host`. */
  readonly tls?: {
    readonly ca?: string;
    readonly servername?: string;
    readonly rejectUnauthorized: boolean;
  };
  /** For the TCP connect and the TLS handshake. */
  readonly connectTimeout: number;
  /** After it a command counts as failed; its connection stays. */
  readonly commandTimeout: number;
  /** After it without a byte, while replies are due, the connection is destroyed and made anew. */
  readonly socketTimeout: number;
  /** The name in CLIENT LIST. */
  readonly clientName: string;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** Sentinels, which know the address of the master. */
export interface SentinelOptions {
  /** Of the master, as the sentinels call it. */
  readonly name: string;
  readonly nodes: readonly ServerAddress[];
  readonly username?: string;
  readonly password?: string;
  /** Whether the sentinels themselves are spoken to by TLS, with the settings of `tls`. */
  readonly tls: boolean;
}

/** Where Redis is: one server; or with `sentinel` or `cluster` what these say, and `host` and `port` stand for nothing. */
export interface RedisConnectionOptions extends ServerOptions {
  readonly sentinel?: SentinelOptions;
  /** Some nodes of a cluster, from which the others are learnt. */
  readonly cluster?: readonly ServerAddress[];
  /** Replicas that have to acknowledge what `settle` is asked for; default 0. */
  readonly waitReplicas?: number;
  /** How long they have for that, ms; shorter than `commandTimeout`. */
  readonly waitTimeout?: number;
}

/** How people call the server: `host:port` or the socket's path, and the database. */
export function endpointOf(options: Pick<ServerOptions, 'host' | 'port' | 'socketPath' | 'db'>): string {
  return `${options.socketPath ?? `${options.host}:${options.port}`}/${options.db}`;
}

/** What depends on the use that is made of the client. */
export type ClientUse = Pick<RedisOptions, 'lazyConnect' | 'retryStrategy' | 'reconnectOnError'>;

/** An ioredis client that never repeats or keeps back a command on its own: that is the pipeline's decision. */
export function createClient(options: ServerOptions, use: ClientUse): Redis {
  return new Redis({ ...commonOptions(options), ...use });
}

function commonOptions(options: ServerOptions) {
  const { username, password, tls } = options;
  return {
    ...(options.socketPath === undefined
      ? { host: options.host, port: options.port }
      : { path: options.socketPath }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    db: options.db,
    connectionName: options.clientName,

    // HELLO carries the credentials, so that a missing password shows at connect and not at the first delete.
    protocol: 3,
    // CLIENT SETINFO: unknown before Redis 7.2, and an entry in ACL LOG where the user may not.
    disableClientInfo: true,
    // A server that is loading says so in its reply to the command: a fact to classify instead of a silent
    // wait. It also needs no right to INFO, whose absence ioredis writes to the console.
    enableReadyCheck: false,

    // Outside a connection a command fails at once, and it is never repeated behind the pipeline's back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 0 settles the commands of a lost connection at once; without it their promises stay open.
    maxRetriesPerRequest: 0,

    connectTimeout: options.connectTimeout,
    commandTimeout: options.commandTimeout,
    socketTimeout: options.socketTimeout,
    // How long a connection that is being given up may take to say goodbye.
    disconnectTimeout: 500,
    // Finds a dead path while there is nothing to delete, long before a delete would run into it.
    keepAlive: 5_000,
  } satisfies RedisOptions;
}
