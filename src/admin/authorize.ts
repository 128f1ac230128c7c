import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface Access {
  /** What a caller has to know; undefined: whoever reaches the loopback address may. */
  readonly token: string | undefined;
  readonly listensOnLoopback: boolean;
}

export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly status: 401 | 403; readonly reason: string };

/** Whether only this machine can reach an address or name. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Whether a request may do something. Without a token a browser on this machine could be made to ask by any page that
 * it shows, so requests that only a browser sends, or that reach us by another name than a loopback one, are refused.
 */
export function authorize({ headers }: Pick<IncomingMessage, 'headers'>, access: Access): Verdict {
  if (headers.origin !== undefined) return refuse(403, 'web pages may not do this');
  if (access.token !== undefined) {
    const [, given] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
    if (given === undefined) return refuse(401, 'send the header Authorization: Bearer with admin.token');
    return isEqual(given, access.token) ? { allowed: true } : refuse(401, 'the token is not admin.token');
  }
  if (!access.listensOnLoopback) {
    return refuse(403, 'set admin.token: the server listens on more than the loopback address');
  }
  if (!isLoopback(hostName(headers.host ?? '')))
    return refuse(403, 'ask by a loopback address, or set admin.token');
  return { allowed: true };
}

function refuse(status: 401 | 403, reason: string): Verdict {
  return { allowed: false, status, reason };
}

/** `[::1]:9630` is `::1`. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Takes as long for any text: hashes of equal length are compared. */
function isEqual(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
