import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AdminConfig } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

export interface DaemonRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Ends the request, with the abort's reason. */
  readonly signal?: AbortSignal;
  /** Longest time without a byte, ms. */
  readonly silence: number;
  /** HTTP statuses of 400 and more that are answers, and no refusals; 422 unless given: the daemon has tried. */
  readonly accepts?: readonly number[];
}

/** Nobody answers, in contrast to a daemon that does not let us. */
export class DaemonAbsent extends UnstaleError {
  constructor(message: string, cause?: unknown) {
    super('UNSTALE_DAEMON_UNREACHABLE', message, { cause });
  }
}

/**
 * Where the running daemon is asked, `host:port`: one that listens on all addresses, on the loopback one.
 * @throws UnstaleError UNSTALE_DAEMON_UNREACHABLE when it listens nowhere, or nobody knows where
 */
export function addressOf(admin: AdminConfig | undefined): string {
  if (admin === undefined) throw new DaemonAbsent('admin.listen is off: there is no address to ask');
  const { host, port } = admin;
  if (port === 0) throw new DaemonAbsent('admin.listen has port 0: nobody knows which one the daemon took');
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/**
 * Asks the running daemon on its admin address. Resolves with the head of its answer.
 * @throws UnstaleError UNSTALE_DAEMON_UNREACHABLE when it does not answer, or does not let us
 */
export async function requestDaemon(
  admin: AdminConfig | undefined,
  { method, path, signal, silence, accepts = [422] }: DaemonRequest,
): Promise<IncomingMessage> {
  const address = addressOf(admin);
  const request = httpRequest(`http://${address}${path}`, {
    method,
    agent: false,
    timeout: silence,
    headers: {
      'x-unstale': '1',
      ...(admin?.token === undefined ? {} : { authorization: `Bearer ${admin.token}` }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  request.on('timeout', () => request.destroy(new Error(`silent for ${silence / 1000} s`)));
  request.end();
  let response: IncomingMessage | undefined;
  try {
    [response] = await once(request, 'response');
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new DaemonAbsent(`no daemon answers on ${address}: ${reasonOf(error)}`, error);
  }
  if (response === undefined) throw unreachable(`no daemon answers on ${address}`);
  const { statusCode = 0 } = response;
  if (statusCode >= 400 && !accepts.includes(statusCode)) {
    const { error } = parseObject(await text(response).catch(() => ''));
    throw unreachable(
      typeof error === 'string'
        ? `the daemon on ${address} refuses: ${error}`
        : `${address} answers, but is no daemon of this version`,
    );
  }
  return response;
}

/**
 * The same for an answer in JSON that is read to its end.
 * @throws UnstaleError like `requestDaemon`
 */
export async function askDaemon(
  admin: AdminConfig | undefined,
  request: DaemonRequest,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const response = await requestDaemon(admin, request);
  const body = parseObject(await text(response));
  return { status: response.statusCode ?? 0, body };
}

/** The fields of an object in JSON; none if it is something else. */
export function parseObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

export function reasonOf(error: unknown): string {
  // A name with several addresses fails with all of their errors and no message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

export function unreachable(message: string, cause?: unknown): UnstaleError {
  return new UnstaleError('UNSTALE_DAEMON_UNREACHABLE', message, { cause });
}
