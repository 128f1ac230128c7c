import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OperatorHandlers, WaitTarget } from './handlers.ts';
import { durationIn, json, queryOf, unknownNames } from './route.ts';
import type { Answer, Routes } from './route.ts';

/** Requests that may wait at the same time; probes and actions need connections too. */
const MOST_WAITING = 16;
/** Longest wait of one request, ms: below the time that a silent connection may last. */
const LONGEST_WAIT = 10_000;
const LONGEST_GTID = 4096;

/**
 * The long poll of `unstale wait`. Guarded like an action, although it changes nothing: each request holds a place for
 * as long as it waits, and whoever may only look at health should not be able to take them all.
 */
export function waitRoutes(handlers: Pick<OperatorHandlers, 'wait'>): Routes {
  let waiting = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<Answer> => {
    const query = queryOf(request);
    const unknown = unknownNames(query, ['gtid', 'position', 'timeout']);
    const target = unknown ?? targetIn(query);
    if (typeof target === 'string') return json(400, { error: target });
    const timeout = query.get('timeout');
    const timeoutMs = timeout === null ? LONGEST_WAIT : durationIn(timeout);
    if (timeoutMs === undefined) return json(400, { error: 'timeout is a duration such as 500ms or 5s' });
    if (waiting >= MOST_WAITING) {
      return json(429, { error: `${MOST_WAITING} requests wait already; try again later.` });
    }
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    response.once('close', leave);
    waiting += 1;
    try {
      const outcome = await handlers.wait(target, Math.min(timeoutMs, LONGEST_WAIT), gone.signal);
      return json(statusOf(outcome.result), outcome);
    } catch (error) {
      if (error instanceof RangeError) return json(400, { error: error.message });
      throw error;
    } finally {
      waiting -= 1;
      response.off('close', leave);
    }
  };
  return [['/wait', { methods: ['GET'], guarded: true, answer }]];
}

function statusOf(result: 'applied' | 'timeout' | 'unknown'): number {
  switch (result) {
    case 'applied':
      return 200;
    case 'timeout':
      return 504;
    case 'unknown':
      return 409;
  }
}

function targetIn(query: URLSearchParams): WaitTarget | string {
  const [gtid, position] = [query.get('gtid'), query.get('position')];
  if ((gtid === null) === (position === null)) return 'write either gtid or position';
  if (gtid !== null) {
    return gtid.length > LONGEST_GTID ? `a GTID set has ${LONGEST_GTID} characters at most` : { gtid };
  }
  const [, file, digits] = /^([^\s:/]{1,512}\.\d+):(\d{1,15})$/.exec(position ?? '') ?? [];
  if (file === undefined) return 'position is FILE:POS, such as binlog.000042:4711';
  return { place: { file, offset: Number(digits) } };
}
