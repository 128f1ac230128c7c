import type { HealthReport } from '../observability/health.ts';
import type { AdminHandlers } from './handlers.ts';
import { json, reads } from './route.ts';
import type { Answer, Routes } from './route.ts';

/** What monitoring reads: metrics, probes and the daemon's state. */
export function observeRoutes(
  handlers: Pick<AdminHandlers, 'metrics' | 'contentType' | 'health' | 'status'>,
): Routes {
  const metrics = async (): Promise<Answer> => ({
    status: 200,
    type: handlers.contentType,
    body: await handlers.metrics(),
  });
  return [
    ['/metrics', reads(metrics)],
    ['/livez', reads(() => probe(handlers.health(), 'live'))],
    ['/readyz', reads(() => probe(handlers.health(), 'ready'))],
    ['/status', reads(() => json(200, handlers.status()))],
  ];
}

function probe(health: HealthReport, aspect: 'live' | 'ready'): Answer {
  return health[aspect]
    ? json(200, { status: 'ok', reasons: [] })
    : json(503, { status: 'unavailable', reasons: health.reasons });
}
