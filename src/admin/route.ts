import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly methods: readonly string[];
  /** Only for those who may more than look at the daemon's health. */
  readonly guarded: boolean;
  /** Undefined if it answers by itself. */
  readonly answer: (
    request: IncomingMessage,
    response: ServerResponse,
  ) => Answer | undefined | Promise<Answer | undefined>;
}

export const TEXT = 'text/plain; charset=utf-8';

/** A route that only reads, for everybody who can connect. */
export function reads(answer: (request: IncomingMessage) => Answer | Promise<Answer>): Route {
  return { methods: ['GET', 'HEAD'], guarded: false, answer };
}

export function json(status: number, body: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(body, null, 2)}\n` };
}

/** The path of a request without its query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '').slice(pathOf(request).length));
}
