import type { AdminHandlers } from './handlers.ts';
import { acts, json, outcomeOf } from './route.ts';
import type { Answer, Routes } from './route.ts';

/** Another configuration for the running daemon. */
export function reloadRoutes(handlers: Pick<AdminHandlers, 'reload'>): Routes {
  return [['/reload', acts((query) => reload(query, handlers))]];
}

function reload(query: URLSearchParams, handlers: Pick<AdminHandlers, 'reload'>): Answer | Promise<Answer> {
  const invalidate = query.get('invalidate');
  if (invalidate !== null && invalidate !== 'true' && invalidate !== 'false') {
    return json(400, { error: 'invalidate is true or false' });
  }
  return outcomeOf(handlers.reload(invalidate === null ? undefined : invalidate === 'true'));
}
