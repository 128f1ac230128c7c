import type { MysqlConnectionConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { reportUrl } from './endpoint-parts.ts';
import { parseMysqlUrl } from './mysql-url.ts';

/** Each batch asks all of them. */
const MOST_SERVERS = 16;
const DEFAULT_PORT = 3306;

/**
 * The servers that `source.barrier` lists by URL. User and TLS are the source's unless a URL names its own; the
 * source's password goes with the source's user only. What is wrong is reported, and left out.
 *
 * @param source undefined when it is not known; the URLs are then only judged
 */
export function resolveBarrierServers(
  document: ConfigDocument,
  urls: readonly (string | null)[],
  source: MysqlConnectionConfig | undefined,
): MysqlConnectionConfig[] {
  const path = ['source', 'barrier'];
  if (urls.length === 0) {
    document.report(path, 'the list is empty', 'list mysql://HOST:3306 of each server, or write source');
  } else if (urls.length > MOST_SERVERS) {
    const remedy = `list at most ${MOST_SERVERS} servers`;
    document.report(path, 'more servers than can be asked for each batch', remedy);
  }
  const servers: MysqlConnectionConfig[] = [];
  const seen = new Set<string>();
  for (const [index, text] of urls.entries()) {
    if (text === null) continue;
    const urlPath = [...path, index];
    const url = reportUrl(document, urlPath, parseMysqlUrl(text));
    if (url === undefined) continue;
    const { host, port = DEFAULT_PORT, user, password } = url;
    if (host === undefined) {
      document.report(urlPath, 'the URL names no host', 'write mysql://HOST:3306');
      continue;
    }
    const address = `${host.toLowerCase()}:${port}`;
    if (seen.has(address))
      document.report(urlPath, 'the server stands twice in the list', 'remove one of the two');
    seen.add(address);
    if (source === undefined) continue;
    const { socketPath: _, password: sourcePassword, ...inherited } = source;
    const ownPassword = password ?? (user === undefined || user === source.user ? sourcePassword : undefined);
    servers.push({
      ...inherited,
      host,
      port,
      ...(user === undefined ? {} : { user }),
      ...(ownPassword === undefined ? {} : { password: ownPassword }),
    });
  }
  return servers;
}
