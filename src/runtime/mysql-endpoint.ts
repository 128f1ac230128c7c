import { connect, isIP } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';
import type { ConnectionOptions, SslOptions } from 'mysql2';

/** How much TLS a connection needs; the meaning of each is that of the MySQL clients' `--ssl-mode`. */
export type SslMode = 'disabled' | 'preferred' | 'required' | 'verify_ca' | 'verify_identity';

/**
 * Where a MySQL server is and who logs in. `socketPath` takes precedence over host and port. `sslCa`,
 * `sslCert` and `sslKey` are PEM texts; without `sslCa` the verifying modes trust Node's own list.
 * `connectTimeout` is in ms.
 */
export interface MysqlEndpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly socketPath?: string;
  readonly sslMode: SslMode;
  readonly sslCa?: string;
  readonly sslCert?: string;
  readonly sslKey?: string;
  readonly connectTimeout: number;
}

/** `host:port` or the socket's path, for messages; never holds credentials. */
export function formatEndpoint(endpoint: MysqlEndpoint): string {
  return endpoint.socketPath ?? `${endpoint.host}:${endpoint.port}`;
}

/**
 * The ways to connect that `sslMode` allows, the preferred one first. Only `preferred` has two: TLS without
 * verification, and plain for a server that offers no TLS. The objects may be used for many connections, and
 * should be, because mysql2 resumes TLS sessions by the identity of `ssl`.
 */
export function connectionCandidates(
  endpoint: MysqlEndpoint,
  program: string,
): readonly [ConnectionOptions, ...ConnectionOptions[]] {
  const plain: ConnectionOptions = {
    host: endpoint.host,
    port: endpoint.port,
    user: endpoint.user,
    ...(endpoint.password === undefined ? {} : { password: endpoint.password }),
    ...(endpoint.socketPath === undefined ? {} : { socketPath: endpoint.socketPath }),
    connectTimeout: endpoint.connectTimeout,
    charset: 'UTF8MB4_GENERAL_CI',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    jsonStrings: true,
    // A server must not be able to ask for a file of this machine.
    flags: ['-LOCAL_FILES'],
    connectAttributes: { program_name: program },
    stream: ({ onread }: { readonly onread?: OnReadOpts } = {}) => openSocket(endpoint, onread),
  };
  const secure = { ...plain, host: certificateHost(endpoint), ssl: sslOptions(endpoint) };
  if (endpoint.sslMode === 'disabled') return [plain];
  if (endpoint.sslMode !== 'preferred') return [secure];
  return endpoint.socketPath === undefined ? [secure, plain] : [plain];
}

/**
 * A socket to the server, still connecting, with keep-alive probes from 30 s of silence; it reads into `onread`'s buffer
 * if that is given.
 */
export function openSocket(endpoint: MysqlEndpoint, onread?: OnReadOpts): Socket {
  const reading = onread === undefined ? {} : { onread };
  return endpoint.socketPath === undefined
    ? connect({
        ...reading,
        host: endpoint.host,
        port: endpoint.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 30_000,
      })
    : connect({ ...reading, path: endpoint.socketPath });
}

function sslOptions(endpoint: MysqlEndpoint): SslOptions {
  const verified = endpoint.sslMode === 'verify_ca' || endpoint.sslMode === 'verify_identity';
  return {
    ...(endpoint.sslCa === undefined ? {} : { ca: endpoint.sslCa }),
    ...(endpoint.sslCert === undefined ? {} : { cert: endpoint.sslCert }),
    ...(endpoint.sslKey === undefined ? {} : { key: endpoint.sslKey }),
    rejectUnauthorized: verified,
    verifyIdentity: endpoint.sslMode === 'verify_identity',
  };
}

/**
 * The name that mysql2 compares with the certificate. It drops IP addresses and then compares with
 * "localhost"; an address with a trailing dot passes as a name, and Node strips the dot before it compares.
 * The socket does not use this name: `stream` connects to the address itself.
 */
function certificateHost(endpoint: MysqlEndpoint): string {
  const { host } = endpoint;
  return endpoint.sslMode === 'verify_identity' && isIP(host) !== 0 ? `${host}.` : host;
}
