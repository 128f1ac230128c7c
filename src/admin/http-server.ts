import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { HealthReport } from '../observability/health.ts';
import type { Logger } from '../observability/logger.ts';
import { authorize, isLoopback } from './authorize.ts';
import { consoleRoutes } from './console-routes.ts';
import { json, pathOf, queryOf, reads, TEXT } from './route.ts';
import type { Answer, Route } from './route.ts';
import type { TailHub } from './tail.ts';
import { parseTailFilter } from './tail-filter.ts';

export interface AdminHandlers {
  /** The metrics in the format that `contentType` names. */
  metrics(): Promise<string>;
  readonly contentType: string;
  health(): HealthReport;
  /** Goes out as JSON to whoever can connect: it must hold no secret and no row value. */
  status(): object;
  /** What was seen since then, ms since the epoch, for charts; the same holds for it. */
  history(since: number): object;
  /** Reads the configuration again; takes as long as Redis is away. What is removed is the configuration's to say unless given. */
  reload(invalidate: boolean | undefined): Promise<{ readonly result: 'applied' | 'unchanged' | 'refused' }>;
}

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What a caller of an action, or of the stream, has to know; without one, only this machine may. */
  readonly token?: string;
  readonly handlers: AdminHandlers;
  /** The stream of what is applied; without it there is none. */
  readonly tail?: TailHub;
  readonly log: Pick<Logger, 'error'>;
  /** How long `close` waits for answers that are under way, ms. */
  readonly closeGraceMs?: number;
}

export interface AdminServer {
  /**
   * Resolves with the address that it listens on.
   * @throws UnstaleError UNSTALE_ADMIN_LISTEN when the address cannot be used.
   */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops listening and ends every connection, idle ones at once; safe to call at any time and twice. */
  close(): Promise<void>;
}

const INDEX = `unstale

/metrics  Prometheus metrics
/livez    200 while the daemon works, 503 after a fatal error
/readyz   200 while Redis follows MySQL, 503 with the reasons otherwise
/status   the daemon's state as JSON
/console  all of this on one page, for a browser
/tail     what is applied from now on, as lines of JSON; ?rule=rules[0]&key=user:*
/reload   POST: reads the configuration again; ?invalidate=true removes what changed rules stand for
`;

/** An action that takes longer is reported as under way, ms; below the time that a silent connection may last. */
const ACTION_PATIENCE = 10_000;

/** The daemon's HTTP side: metrics, health, status, and for who may actions and the stream of what is applied. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const { handlers, tail, log, closeGraceMs = 1000 } = options;
  // Probes are short and few: a client that is slow or sends much is not one of them.
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 5000,
      requestTimeout: 10_000,
      keepAliveTimeout: 5000,
      connectionsCheckingInterval: 5000,
    },
    (request, response) => void respond(request, response),
  );
  server.setTimeout(15_000);
  server.maxConnections = 64;
  let closed: Promise<void> | undefined;

  const access = { token: options.token, listensOnLoopback: isLoopback(options.host) };
  const routes = new Map<string, Route>([
    ['/', reads(() => ({ status: 200, type: TEXT, body: INDEX }))],
    [
      '/metrics',
      reads(async () => ({ status: 200, type: handlers.contentType, body: await handlers.metrics() })),
    ],
    ['/livez', reads(() => probe(handlers.health(), 'live'))],
    ['/readyz', reads(() => probe(handlers.health(), 'ready'))],
    ['/status', reads(() => json(200, handlers.status()))],
    [
      '/reload',
      { methods: ['POST'], guarded: true, answer: (request) => reload(queryOf(request), handlers) },
    ],
    ...consoleRoutes(handlers),
  ]);
  if (tail !== undefined) {
    routes.set('/tail', {
      methods: ['GET'],
      guarded: true,
      answer: (request, response) => follow(queryOf(request), response, tail),
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | undefined> {
    const path = pathOf(request);
    const route = routes.get(path);
    if (route === undefined) return { status: 404, type: TEXT, body: 'Not found; see /\n' };
    const { methods, guarded } = route;
    if (!methods.includes(request.method ?? '')) {
      const body = `Only ${methods.join(' and ')} ${methods.length === 1 ? 'is' : 'are'} allowed.\n`;
      return { status: 405, type: TEXT, body, headers: { Allow: methods.join(', ') } };
    }
    const verdict = guarded ? authorize(request, access) : ({ allowed: true } as const);
    if (!verdict.allowed) return json(verdict.status, { error: verdict.reason });
    try {
      return await route.answer(request, response);
    } catch (error) {
      log.error({ err: error, path }, 'the admin server could not answer a request');
      return { status: 500, type: TEXT, body: 'The answer could not be made; see the log.\n' };
    }
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const made = await answer(request, response);
    if (made !== undefined) send(request, response, made);
  }

  function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const { status, type, body, headers } = answer;
    const readable = request.method === 'GET' || request.method === 'HEAD';
    response.writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // Whoever sends a body, or comes while the server closes, is not to use this connection again.
      ...(readable && closed === undefined ? {} : { Connection: 'close' }),
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  return {
    async listen() {
      const address = await listen(server, options.host, options.port);
      // Running out of file descriptors must cost a probe, not the daemon.
      server.on('error', (err) => log.error({ err }, 'the admin server could not take a connection'));
      return address;
    },
    close() {
      tail?.close();
      closed ??= close(server, closeGraceMs);
      return closed;
    },
  };
}

/** Undefined once the response is the hub's. */
function follow(query: URLSearchParams, response: ServerResponse, hub: TailHub): Answer | undefined {
  const filter = parseTailFilter(query);
  if (typeof filter === 'string') return json(400, { error: filter });
  const refusal = hub.open(response, filter);
  return refusal && json(refusal.status, { error: refusal.reason });
}

async function reload(query: URLSearchParams, handlers: AdminHandlers): Promise<Answer> {
  const invalidate = query.get('invalidate');
  if (invalidate !== null && invalidate !== 'true' && invalidate !== 'false') {
    return json(400, { error: 'invalidate is true or false' });
  }
  const work = handlers.reload(invalidate === null ? undefined : invalidate === 'true');
  const patience = new AbortController();
  const outcome = await Promise.race([
    work,
    wait(ACTION_PATIENCE, { result: 'pending' } as const, { ref: false, signal: patience.signal }),
  ]);
  patience.abort();
  if (outcome.result === 'pending') return json(202, outcome);
  return json(outcome.result === 'refused' ? 422 : 200, outcome);
}

function probe(health: HealthReport, aspect: 'live' | 'ready'): Answer {
  return health[aspect]
    ? json(200, { status: 'ok', reasons: [] })
    : json(503, { status: 'unavailable', reasons: health.reasons });
}

function listen(server: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      const message = `the admin server cannot listen on ${address}: ${whyNot(error)}`;
      reject(new UnstaleError('UNSTALE_ADMIN_LISTEN', message, { cause: error }));
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      const address = server.address();
      resolve(
        typeof address === 'object' && address !== null
          ? { host: address.address, port: address.port }
          : { host, port },
      );
    });
  });
}

function whyNot(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another process uses this address';
    case 'EACCES':
      return 'the user of this process may not use this port';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have this address';
    default:
      return error.message;
  }
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    // The error says that it was not listening, which is what is wanted.
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
