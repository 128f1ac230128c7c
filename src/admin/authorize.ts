import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../runtime/loopback.ts';

/** What of a request decides. */
export interface GuardedRequest {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

export interface AuthorizeOptions {
  /** Undefined: callers on this machine need none, others are refused. */
  readonly token: string | undefined;
  /** Whether only this machine can connect. */
  readonly listensOnLoopback: boolean;
}

/** `reason` is one sentence for the caller. 401: the token is wrong or missing; 403: no token would help. */
export type Authorization =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly status: 401 | 403; readonly reason: string };

/**
 * Decides about a request that changes something or shows the names of keys.
 *
 * A browser on this machine can reach a loopback address for every page that it shows. So what a page could send is
 * refused, with a token or without: foreign origins, and POST without a header that a page may not set. A page whose
 * name has been redirected to this machine (DNS rebinding) still sends its own name as the host.
 */
export function authorize(request: GuardedRequest, options: AuthorizeOptions): Authorization {
  const { headers } = request;
  if (isForeign(headers)) return refuse(403, 'Requests of web pages of another origin are refused.');
  if (request.method !== 'GET' && request.method !== 'HEAD' && !isDeliberate(headers)) {
    return refuse(403, 'Send the header "Content-Type: application/json" or "X-Unstale: 1".');
  }
  if (options.token !== undefined) {
    return isBearer(headers.authorization, options.token)
      ? { allowed: true }
      : refuse(401, 'Send the header "Authorization: Bearer TOKEN" with the value of admin.token.');
  }
  if (!options.listensOnLoopback) {
    return refuse(
      403,
      'Set admin.token: without one, only a server that listens on 127.0.0.1 or ::1 does this.',
    );
  }
  return isLoopback(nameOf(headers.host))
    ? { allowed: true }
    : refuse(403, 'Without admin.token, the address has to be localhost, 127.0.0.1 or [::1].');
}

function refuse(status: 401 | 403, reason: string): Authorization {
  return { allowed: false, status, reason };
}

/** The name or address in a Host header; empty if there is none. */
function nameOf(host = ''): string {
  const [, bracketed, plain] = /^(?:\[([\da-f:.]+)\]|([^\s:[\]]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return bracketed ?? plain ?? '';
}

function isForeign(headers: IncomingHttpHeaders): boolean {
  const { origin, host = '' } = headers;
  // Requests for images and scripts carry no origin, but browsers say where they come from.
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (origin === undefined) return false;
  const own = host.toLowerCase();
  return origin.toLowerCase() !== `http://${own}` && origin.toLowerCase() !== `https://${own}`;
}

/** Whether there is a header that a page of another origin cannot send without being allowed to. */
function isDeliberate(headers: IncomingHttpHeaders): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' || headers['x-unstale'] === '1';
}

/** Takes the same time for every wrong token, however long and how nearly right it is. */
function isBearer(authorization: string | undefined, token: string): boolean {
  const [, sent] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  return sent !== undefined && timingSafeEqual(hash(sent), hash(token));
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
