import type { RedisConfig, RedisTlsConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { EndpointParts, reportUrl } from './endpoint-parts.ts';
import { parseRedisUrl } from './redis-url.ts';
import type { RedisUrl } from './redis-url.ts';
import { readPemFile } from './referenced-file.ts';
import { resolveTopology } from './resolve-topology.ts';
import type { RawRedis } from './schema.ts';

const DEFAULT_PORT = 6379;

/** The `redis` section; what is wrong is reported, and the result is then of no use. */
export async function resolveRedis(document: ConfigDocument, raw: RawRedis): Promise<RedisConfig> {
  const parts = new EndpointParts(document, 'redis');
  const url = reportUrl(
    document,
    parts.path('url'),
    raw.url === undefined ? undefined : parseRedisUrl(raw.url),
  );
  const topology = resolveTopology(document, raw);
  const { host, port, socketPath } = parts.address(raw, url);
  const [firstNode] = topology.cluster ?? topology.sentinel?.nodes ?? [];
  if (parts.has('sentinel', 'cluster')) {
    // Servers are named there.
  } else if (host === undefined && socketPath === undefined && !parts.has('url', 'host', 'socket_path')) {
    document.report(parts.path('url'), 'no Redis server is named', 'write redis.url: redis://HOST:6379/0');
  } else if (host === undefined && socketPath === undefined && url !== undefined) {
    document.report(parts.path('url'), 'the URL names no host', 'write redis://HOST:6379/0');
  }
  const username = parts.pick('username', raw.username, url?.username);
  const password = await parts.password(raw, url?.password);
  const tls = await resolveTls(document, raw, url);
  if (tls !== undefined && socketPath !== undefined) {
    const at = document.has(['redis', 'tls']) ? 'tls' : 'socket_path';
    document.report(parts.path(at), 'a socket takes no TLS', 'remove one of the two');
  }
  return {
    host: host ?? firstNode?.host ?? 'localhost',
    port: port ?? firstNode?.port ?? DEFAULT_PORT,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    db: parts.pick('db', raw.db, url?.db) ?? 0,
    ...(tls === undefined ? {} : { tls }),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...topology,
    waitReplicas: raw.wait_replicas ?? 0,
    ...(raw.applied_interval === undefined ? {} : { appliedInterval: raw.applied_interval }),
    failoverReplay: raw.failover_replay ?? 120_000,
    connectTimeout: raw.connect_timeout ?? 5000,
    commandTimeout: raw.command_timeout ?? 5000,
    socketTimeout: raw.socket_timeout ?? 15_000,
    scopeScanRate: raw.scope_scan_rate ?? 100_000,
  };
}

/** TLS is on with `rediss://`, and with a `tls` section where no URL says otherwise. */
async function resolveTls(
  document: ConfigDocument,
  raw: RawRedis,
  url: RedisUrl | undefined,
): Promise<RedisTlsConfig | undefined> {
  const { tls } = raw;
  const [ca, cert, key] = await Promise.all(
    (['ca', 'cert', 'key'] as const).map((name) =>
      readPemFile(document, ['redis', 'tls', name], tls?.[name]),
    ),
  );
  reportHalf(document);
  if (url?.scheme === 'redis' && tls !== undefined && tls !== null) {
    document.report(
      ['redis', 'tls'],
      'the URL asks for no TLS',
      'write rediss:// in redis.url, or remove tls',
      {
        key: true,
      },
    );
  }
  if (url?.scheme !== 'rediss' && (tls === undefined || tls === null)) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls?.servername === undefined ? {} : { servername: tls.servername }),
    rejectUnauthorized: tls?.reject_unauthorized ?? true,
  };
}

/** The daemon's certificate is of no use without its key. */
function reportHalf(document: ConfigDocument): void {
  const [cert, key] = [
    ['redis', 'tls', 'cert'],
    ['redis', 'tls', 'key'],
  ] as const;
  if (document.has(cert) && !document.has(key))
    document.report(cert, 'a certificate without its key', 'write key too');
  if (document.has(key) && !document.has(cert))
    document.report(key, 'a key without its certificate', 'write cert too');
}
