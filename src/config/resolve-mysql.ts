import type { MysqlConnectionConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { EndpointParts, reportUrl } from './endpoint-parts.ts';
import { parseMysqlUrl } from './mysql-url.ts';
import { readPemFile } from './referenced-file.ts';
import type { RawConnection } from './schema.ts';

const DEFAULT_PORT = 3306;
const DEFAULT_CONNECT_TIMEOUT = 10_000;

/** Whether a section names a server of its own. */
export function namesServer(document: ConfigDocument, section: string): boolean {
  return new EndpointParts(document, section).has('url', 'host', 'port', 'socket_path');
}

/**
 * The connection of `source`, `state` or `lookups`. What the section leaves open comes from `inherited`, the connection
 * to the same server; the password only for the same user. Undefined after a problem, which is reported.
 */
export async function resolveMysqlConnection(
  document: ConfigDocument,
  section: 'source' | 'state' | 'lookups',
  raw: RawConnection,
  inherited?: MysqlConnectionConfig,
): Promise<MysqlConnectionConfig | undefined> {
  const parts = new EndpointParts(document, section);
  const urlPath = parts.path('url');
  const url = reportUrl(document, urlPath, raw.url === undefined ? undefined : parseMysqlUrl(raw.url));
  const { host, port, socketPath } = parts.address(raw, url);
  const user = parts.pick('user', raw.user, url?.user);
  const password = await parts.password(raw, url?.password);
  const tls = await resolveTls(document, parts, raw);
  // A broken URL may name what seems to be missing.
  const complete = raw.url !== undefined || !document.has(urlPath);
  if (url === undefined && raw.url !== undefined) return undefined;
  if (inherited === undefined && complete) {
    if (host === undefined && socketPath === undefined && !parts.has('host', 'socket_path')) {
      document.report(urlPath, 'no MySQL server is named', `write ${section}.url: mysql://USER@HOST:3306`);
    } else if (user === undefined && !parts.has('user')) {
      const remedy = `write ${section}.user, or ${section}.url: mysql://USER@HOST:3306`;
      document.report(parts.path('user'), 'no MySQL user is named', remedy);
    }
  }
  const base: MysqlConnectionConfig = inherited ?? {
    host: host ?? 'localhost',
    port: DEFAULT_PORT,
    user: user ?? '',
    sslMode: 'preferred',
    connectTimeout: DEFAULT_CONNECT_TIMEOUT,
  };
  const { password: inheritedPassword, ...rest } = base;
  const effectivePassword =
    password ?? (user === undefined || user === base.user ? inheritedPassword : undefined);
  return {
    ...rest,
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(effectivePassword === undefined ? {} : { password: effectivePassword }),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...tls,
    ...(raw.connect_timeout === undefined ? {} : { connectTimeout: raw.connect_timeout }),
  };
}

async function resolveTls(
  document: ConfigDocument,
  parts: EndpointParts,
  raw: RawConnection,
): Promise<Partial<Pick<MysqlConnectionConfig, 'sslMode' | 'sslCa' | 'sslCert' | 'sslKey'>>> {
  const pem = (name: 'ssl_ca' | 'ssl_cert' | 'ssl_key'): Promise<string | undefined> =>
    readPemFile(document, parts.path(name), raw[name]);
  const [sslCa, sslCert, sslKey] = [await pem('ssl_ca'), await pem('ssl_cert'), await pem('ssl_key')];
  if (parts.has('ssl_cert') && !parts.has('ssl_key')) {
    document.report(parts.path('ssl_cert'), 'a certificate without its key', 'write ssl_key too');
  }
  if (parts.has('ssl_key') && !parts.has('ssl_cert')) {
    document.report(parts.path('ssl_key'), 'a key without its certificate', 'write ssl_cert too');
  }
  if (raw.ssl_mode === 'disabled') {
    for (const name of ['ssl_ca', 'ssl_cert', 'ssl_key']) {
      if (!parts.has(name)) continue;
      document.report(parts.path(name), 'has no effect with ssl_mode: disabled', 'remove one of the two');
    }
  }
  return {
    ...(raw.ssl_mode === undefined ? {} : { sslMode: raw.ssl_mode }),
    ...(sslCa === undefined ? {} : { sslCa }),
    ...(sslCert === undefined ? {} : { sslCert }),
    ...(sslKey === undefined ? {} : { sslKey }),
  };
}
