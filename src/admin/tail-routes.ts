import type { ServerResponse } from 'node:http';
import { json, queryOf } from './route.ts';
import type { Answer, Routes } from './route.ts';
import type { TailHub } from './tail.ts';
import { parseTailFilter } from './tail-filter.ts';

/** The stream of what is applied. */
export function tailRoutes(hub: TailHub): Routes {
  return [
    [
      '/tail',
      {
        methods: ['GET'],
        guarded: true,
        answer: (request, response) => follow(queryOf(request), response, hub),
      },
    ],
  ];
}

/** Undefined once the response is the hub's. */
function follow(query: URLSearchParams, response: ServerResponse, hub: TailHub): Answer | undefined {
  const filter = parseTailFilter(query);
  if (typeof filter === 'string') return json(400, { error: filter });
  const refusal = hub.open(response, filter);
  return refusal && json(refusal.status, { error: refusal.reason });
}
