import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { LONGEST_DURATION, parseDurationText } from '../duration/duration.ts';

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

/** Work that takes longer is reported as under way, ms; below the time that a silent connection may last. */
const ACTION_PATIENCE = 10_000;

export const TEXT = 'text/plain; charset=utf-8';

export function json(status: number, body: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(body, null, 2)}\n` };
}

/** For whoever can connect. */
export function reads(answer: (request: IncomingMessage) => Answer | Promise<Answer>): Route {
  return { methods: ['GET', 'HEAD'], guarded: false, answer };
}

/** For who may act. */
export function acts(answer: (query: URLSearchParams) => Answer | Promise<Answer>): Route {
  return { methods: ['POST'], guarded: true, answer: (request) => answer(queryOf(request)) };
}

export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '';
}

export function queryOf(request: IncomingMessage): URLSearchParams {
  return new URLSearchParams((request.url ?? '').slice(pathOf(request).length));
}

/** The outcome of an action, 422 if it is refused; one that takes too long to wait for is `pending`, and goes on. */
export async function outcomeOf(work: Promise<{ readonly result: string }>): Promise<Answer> {
  const patience = new AbortController();
  const outcome = await Promise.race([
    work,
    wait(ACTION_PATIENCE, { result: 'pending' }, { ref: false, signal: patience.signal }),
  ]);
  patience.abort();
  if (outcome.result === 'pending') return json(202, outcome);
  return json(outcome.result === 'refused' ? 422 : 200, outcome);
}

/** The names in a query that nobody asked for, as a sentence; undefined if there are none. */
export function unknownNames(query: URLSearchParams, known: readonly string[]): string | undefined {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return known.length === 0
    ? `There is no parameter "${unknown}".`
    : `There is no parameter "${unknown}"; write ${known.join(' or ')}.`;
}

/** ms; undefined for what is no duration, is 0 or longer than a timer can wait. */
export function durationIn(text: string): number | undefined {
  const ms = parseDurationText(text) ?? 0;
  return ms > 0 && ms <= LONGEST_DURATION ? ms : undefined;
}
