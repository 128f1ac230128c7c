import { readdir, readFile } from 'node:fs/promises';
import { json, queryOf, reads, TEXT } from './route.ts';
import type { Answer, Route, Routes } from './route.ts';

export interface ConsoleHandlers {
  status(): object;
  /** Samples that were taken after `since`, ms since the epoch. */
  history(since: number): object;
}

/** Nothing but the console's own files may be loaded, run or asked, and no page may show it inside of itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};
const PAGE = 'index.html';

/**
 * The console: the page at /console, its files below, and the numbers that it draws at /console/data. The page holds
 * nothing of the daemon, and the numbers no more than /status does, so both are for everybody who can connect.
 */
export function consoleRoutes(handlers: ConsoleHandlers): Routes {
  const file = (name: string): Route => reads(() => readAsset(name));
  return [
    ['/console', file(PAGE)],
    ['/console/', reads(() => ({ status: 308, type: TEXT, body: '', headers: { Location: '../console' } }))],
    ...ASSETS.map((name) => [`/console/${name}`, file(name)] as const),
    [
      '/console/data',
      { methods: ['GET', 'HEAD'], guarded: false, answer: (request) => data(queryOf(request), handlers) },
    ],
  ];
}

function data(query: URLSearchParams, handlers: ConsoleHandlers): Answer {
  const since = Number(query.get('since') ?? 0);
  if (!Number.isFinite(since)) return json(400, { error: 'since is a number of milliseconds' });
  // Without white space: it is asked for every few seconds.
  const body = JSON.stringify({ now: Date.now(), status: handlers.status(), ...handlers.history(since) });
  return { status: 200, type: 'application/json; charset=utf-8', body };
}

const directory = new URL('./console/', import.meta.url);
const contents = new Map<string, string>();
/** Only these names are ever opened, whatever is asked for. */
const ASSETS = (await readdir(directory)).filter((name) => typeOf(name) !== undefined && name !== PAGE);

/** Reads a file of the console when it is first asked for. */
async function readAsset(name: string): Promise<Answer> {
  let body = contents.get(name);
  if (body === undefined) {
    body = await readFile(new URL(name, directory), 'utf8');
    contents.set(name, body);
  }
  return { status: 200, type: typeOf(name) ?? '', body, headers: HEADERS };
}

function typeOf(name: string): string | undefined {
  return TYPES[name.slice(name.lastIndexOf('.') + 1)];
}
