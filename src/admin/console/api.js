/** @typedef {import('./data.d.ts').ConsoleData} ConsoleData */

const TOKEN = 'unstale-token';
/** An answer that takes longer is none, ms. */
const PATIENCE = 5000;

/** An answer that is not 2xx. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {string} reason
   */
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/**
 * Where a route is: beside the page, also behind a proxy that puts both below another path.
 *
 * @param {string} path
 */
function route(path) {
  return new URL(`../${path}`, import.meta.url);
}

/** @returns {Record<string, string>} */
function credentials() {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/**
 * For this tab, until it is closed.
 *
 * @param {string} token
 */
export function rememberToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN);
}

/**
 * @param {number} since ms since the epoch
 * @returns {Promise<ConsoleData>}
 */
export async function getData(since) {
  const url = route('console/data');
  url.searchParams.set('since', String(since));
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), cache: 'no-store' });
  if (!response.ok) throw await refusalOf(response);
  return response.json();
}

/**
 * @param {string} path
 * @throws {Refusal}
 */
export async function act(path) {
  const response = await fetch(route(path), {
    method: 'POST',
    headers: { 'X-Unstale': '1', ...credentials() },
    signal: AbortSignal.timeout(PATIENCE * 3),
  });
  if (!response.ok) throw await refusalOf(response);
  await response.body?.cancel();
}

/**
 * Opens the stream of what is applied.
 *
 * @param {Readonly<Record<string, string>>} filter
 * @param {AbortSignal} signal
 * @returns {Promise<ReadableStream<Uint8Array>>}
 * @throws {Refusal}
 */
export async function openTail(filter, signal) {
  const url = route('tail');
  for (const [name, value] of Object.entries(filter)) if (value !== '') url.searchParams.set(name, value);
  const response = await fetch(url, { headers: credentials(), signal, cache: 'no-store' });
  if (!response.ok || response.body === null) throw await refusalOf(response);
  return response.body;
}

/** @param {Response} response */
async function refusalOf(response) {
  const text = await response.text().catch(() => '');
  try {
    const { error } = JSON.parse(text);
    if (typeof error === 'string') return new Refusal(response.status, error);
  } catch {
    // A proxy's page, or plain text.
  }
  return new Refusal(response.status, `The daemon answers ${response.status}.`);
}
