import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** The parts that a URL names; all others are undefined. */
export interface MysqlUrl {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
}

/** `mysql://user:password@host:port`, percent-decoded. */
export function parseMysqlUrl(text: string): Parsed<MysqlUrl> {
  if (!text.startsWith('mysql://')) {
    return refuse('is not a MySQL URL', 'write mysql://USER@HOST:3306 (for MariaDB too)');
  }
  const url = URL.parse(text);
  const parts = url === null ? undefined : decodeAuthority(url);
  if (url === null || parts === undefined) {
    return refuse(
      'is not a valid URL',
      'percent-encode odd characters in it, or write host, user and password fields',
    );
  }
  if (url.pathname !== '' && url.pathname !== '/') {
    return refuse(
      'the URL names a database',
      'end it behind the port (a / in a password is %2F): rules name schema.table',
    );
  }
  if (url.search !== '' || url.hash !== '') {
    return refuse(
      'the URL has options',
      'end it behind the port (in a password, ? is %3F and # is %23); options are fields such as ssl_mode',
    );
  }
  const { host, port, username, password } = parts;
  return accept({
    ...(host === '' ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(username === '' ? {} : { user: username }),
    ...(password === '' ? {} : { password }),
  });
}

/** User, password, host and port of a URL, percent-decoded; empty where missing. Undefined if not decodable. */
export function decodeAuthority(
  url: URL,
): { host: string; port: number | undefined; username: string; password: string } | undefined {
  try {
    return {
      host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? undefined : Number(url.port),
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
