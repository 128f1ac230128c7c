import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is done at one path. */
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

/** Path to what is done there. */
export type Routes = readonly (readonly [path: string, route: Route])[];

export const TEXT = 'text/plain; charset=utf-8';

export function json(status: number, body: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(body, null, 2)}\n` };
}

/** For whoever can connect. */
export function reads(answer: () => Answer | Promise<Answer>): Route {
  return { methods: ['GET', 'HEAD'], guarded: false, answer };
}

export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '').slice(pathOf(request).length));
}
