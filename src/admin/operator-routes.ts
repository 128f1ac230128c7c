import type { LogLevel } from '../observability/logger.ts';
import type { OperatorHandlers } from './handlers.ts';
import { acts, durationIn, json, outcomeOf, unknownNames } from './route.ts';
import type { Answer, Routes } from './route.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** What an operator does to a running daemon. */
export function operatorRoutes(handlers: OperatorHandlers): Routes {
  return [
    ['/pause', acts((query) => refusedNames(query, []) ?? json(200, handlers.pause()))],
    ['/resume', acts((query) => refusedNames(query, []) ?? json(200, handlers.resume()))],
    ['/log-level', acts((query) => setLogLevel(query, handlers))],
    ['/position/rewind', acts((query) => rewind(query, handlers))],
  ];
}

function setLogLevel(query: URLSearchParams, handlers: OperatorHandlers): Answer {
  const refused = refusedNames(query, ['level', 'for']);
  if (refused !== undefined) return refused;
  const level = LEVELS.find((known) => known === query.get('level'));
  if (level === undefined) return json(400, { error: `level is one of ${LEVELS.join(', ')}` });
  const text = query.get('for');
  const forMs = text === null ? undefined : durationIn(text);
  if (text !== null && forMs === undefined) {
    return json(400, { error: 'for is a duration such as 30s, 10m or 1h, and at most 596h' });
  }
  return json(200, handlers.setLogLevel(level, forMs));
}

function rewind(query: URLSearchParams, handlers: OperatorHandlers): Answer | Promise<Answer> {
  const refused = refusedNames(query, ['to', 'by']);
  if (refused !== undefined) return refused;
  const [to, by] = [query.get('to'), query.get('by')];
  if ((to === null) === (by === null)) return json(400, { error: 'write either to or by' });
  const moment = to === null ? Date.now() - (durationIn(by ?? '') ?? Number.NaN) : momentIn(to);
  if (!Number.isFinite(moment)) {
    return json(400, {
      error: 'to is a moment such as 2026-11-29T21:00:00Z, by a duration such as 30s, 10m or 1h',
    });
  }
  return outcomeOf(handlers.rewind(moment));
}

function refusedNames(query: URLSearchParams, known: readonly string[]): Answer | undefined {
  const error = unknownNames(query, known);
  return error === undefined ? undefined : json(400, { error });
}

/** ms since the epoch; NaN without a zone, because the daemon's is not the caller's. */
function momentIn(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
}
