import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

export interface SentinelOptions {
  /** What the sentinels call the master. */
  readonly name: string;
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
}

type SentinelPlace = Pick<SentinelOptions, 'username' | 'password'> & SentinelOptions['nodes'][number];

/** Where Redis is and how long to wait for it. All times are in ms. */
export interface RedisConnectionOptions {
  readonly host: string;
  readonly port: number;
  /** A Unix domain socket, instead of `host` and `port`. */
  readonly socketPath?: string;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  /** Who knows where the master is; `host` and `port` are then of no account. TLS is used with them as with it. */
  readonly sentinel?: SentinelOptions;
  /** Present: TLS. Texts are PEM; `servername` is what the certificate has to name, if not `host`. */
  readonly tls?: {
    readonly ca?: string;
    /** What is shown to a server that asks for a certificate, and its key. */
    readonly cert?: string;
    readonly key?: string;
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
  /** Replicas that have to have a batch before it counts as done; default 0. */
  readonly waitReplicas?: number;
}

/** How people call the server: `host:port` or the socket's path, and the database. */
export function endpointOf(options: RedisConnectionOptions): string {
  if (options.sentinel !== undefined) return `master ${options.sentinel.name}/${options.db}`;
  return `${options.socketPath ?? `${options.host}:${options.port}`}/${options.db}`;
}

/** How long one sentinel may think before the next is asked, ms. */
export const SENTINEL_PATIENCE = 1_000;
/** Before a sentinel that is away is tried again, ms. */
const SENTINEL_RETRY = 1_000;

/** What depends on the use that is made of the client. */
export type ClientUse = Pick<RedisOptions, 'lazyConnect' | 'retryStrategy' | 'reconnectOnError'>;

export type SentinelUse = Pick<RedisOptions, 'lazyConnect' | 'retryStrategy' | 'commandTimeout'>;

/** An ioredis client that never repeats or keeps back a command on its own: that is the pipeline's decision. */
export function createClient(options: RedisConnectionOptions, use: ClientUse): Redis {
  return hearAllErrors(new Redis({ ...commonOptions(options), ...use }));
}

/**
 * ioredis hears the first error of a stream only. A stream that is ended in the middle of a handshake may have two: the
 * certificate's, and what the server says of the end. The second one would end the process.
 */
function hearAllErrors(client: Redis): Redis {
  // Once for each stream, however often an attempt fails before it has one of its own.
  return client.on('error', () => client.stream?.off('error', ignore).on('error', ignore));
}

function ignore(): void {
  // What it is about has been told by the first error.
}

/** A client of one sentinel; unless told otherwise it comes back by itself. */
export function createSentinelClient(
  options: RedisConnectionOptions,
  { host, port, username, password }: SentinelPlace,
  use: SentinelUse = {},
): Redis {
  const client = new Redis({
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    protocol: 3,
    disableClientInfo: true,
    enableReadyCheck: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: options.connectTimeout,
    retryStrategy: () => SENTINEL_RETRY,
    keepAlive: 5_000,
    ...use,
  });
  return hearAllErrors(client);
}

function placeOf({ sentinel, ...options }: RedisConnectionOptions) {
  if (sentinel === undefined) {
    const { host, port, socketPath } = options;
    return socketPath === undefined ? { host, port } : { path: socketPath };
  }
  const { name, nodes, username, password } = sentinel;
  return {
    sentinels: nodes.map(({ host, port }) => ({ host, port })),
    name,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(options.tls === undefined ? {} : { sentinelTLS: options.tls, enableTLSForSentinelMode: true }),
    sentinelCommandTimeout: Math.min(options.commandTimeout, SENTINEL_PATIENCE),
    // Asking all of them anew is part of a reconnect, with its own pauses and its own reason in the log.
    sentinelRetryStrategy: () => null,
  };
}

function commonOptions(options: RedisConnectionOptions) {
  const { username, password, tls } = options;
  return {
    ...placeOf(options),
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
