import { decodeAuthority } from './mysql-url.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** The parts that a URL names; all others are undefined. */
export interface RedisUrl {
  readonly scheme: 'redis' | 'rediss' | 'unix';
  readonly host?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly socketPath?: string;
}

/** `redis://user:password@host:port/db`, `rediss://` for TLS, `unix:///path?db=1`; percent-decoded. */
export function parseRedisUrl(text: string): Parsed<RedisUrl> {
  const [, scheme] = /^(redis|rediss|unix):\/\//.exec(text) ?? [];
  if (scheme !== 'redis' && scheme !== 'rediss' && scheme !== 'unix') {
    return refuse('is not a Redis URL', 'write redis://HOST:6379/0, rediss:// for TLS, or unix:///PATH');
  }
  const url = URL.parse(text);
  const parts = url === null ? undefined : decodeAuthority(url);
  if (url === null || parts === undefined) {
    return refuse(
      'is not a valid URL',
      'percent-encode odd characters in it, or write host and password fields',
    );
  }
  const { host, port, username, password } = parts;
  const credentials = { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
  if (scheme === 'unix') return parseUnix(url, credentials);
  if (url.search !== '' || url.hash !== '') {
    return refuse('the URL has options', 'end it behind the database number, and write options as fields');
  }
  const [, path = '', digits] = /^\/?((\d{1,9})?)$/.exec(url.pathname) ?? [undefined, 'no number'];
  if (path !== '' && digits === undefined)
    return refuse('the database is not a number', 'write for example /0');
  return accept({
    scheme,
    ...credentials,
    ...(host === '' ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(digits === undefined ? {} : { db: Number(digits) }),
  });
}

function parseUnix(url: URL, credentials: { username?: string; password?: string }): Parsed<RedisUrl> {
  const [, digits] = /^(?:\?db=(\d{1,9}))?$/.exec(url.search) ?? ['', 'odd'];
  const socketPath = decodePath(url.pathname);
  if (
    url.host !== '' ||
    url.hash !== '' ||
    digits === 'odd' ||
    socketPath === undefined ||
    socketPath === '/'
  ) {
    return refuse('is not the URL of a socket', 'write unix:///PATH, with ?db=1 for another database');
  }
  return accept({
    scheme: 'unix',
    socketPath,
    ...credentials,
    ...(digits === undefined ? {} : { db: Number(digits) }),
  });
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path === '' ? '/' : path);
  } catch {
    return undefined;
  }
}
