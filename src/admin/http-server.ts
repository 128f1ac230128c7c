import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { Logger } from '../observability/logger.ts';
import { isLoopback } from '../runtime/loopback.ts';
import { authorize } from './authorize.ts';
import { consoleRoutes } from './console-routes.ts';
import type { AdminHandlers, OperatorHandlers } from './handlers.ts';
import { observeRoutes } from './observe-routes.ts';
import { operatorRoutes } from './operator-routes.ts';
import { reloadRoutes } from './reload-routes.ts';
import { json, pathOf, reads, TEXT } from './route.ts';
import type { Answer, Route, Routes } from './route.ts';
import type { TailHub } from './tail.ts';
import { tailRoutes } from './tail-routes.ts';
import { waitRoutes } from './wait-routes.ts';

export interface AdminServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What a caller of an action, or of the stream, has to know; without one, only this machine may. */
  readonly token?: string;
  readonly handlers: AdminHandlers;
  /** What an operator may do; without it nothing. */
  readonly operator?: OperatorHandlers;
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
/wait     GET ?gtid=SET&timeout=5s: answers once everything up to there is applied
/reload   POST: reads the configuration again; ?invalidate=true removes what changed rules stand for
/pause    POST: applies nothing more until /resume
/resume   POST
/log-level        POST ?level=debug&for=10m
/position/rewind  POST ?by=10m or ?to=2026-11-29T21:00:00Z: applies again what was applied since, as deletes
`;

/** The daemon's HTTP side: metrics, health, status, and for who may actions and the stream of what is applied. */
export function createAdminServer(options: AdminServerOptions): AdminServer {
  const { tail, log, closeGraceMs = 1000 } = options;
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
  const routes = new Map<string, Route>(routesOf(options));

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

function routesOf({ handlers, operator, tail }: AdminServerOptions): Routes {
  return [
    ['/', reads(() => ({ status: 200, type: TEXT, body: INDEX }))],
    ...observeRoutes(handlers),
    ...consoleRoutes(handlers),
    ...reloadRoutes(handlers),
    ...(operator === undefined ? [] : [...operatorRoutes(operator), ...waitRoutes(operator)]),
    ...(tail === undefined ? [] : tailRoutes(tail)),
  ];
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
