import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AdminConfig } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { addressOf } from './daemon-address.ts';

/** The daemon gives a sign of life every 10 s; a stream that is silent for longer than three is dead. */
const LONGEST_SILENCE = 35_000;

/** One line of the daemon's stream, parsed. */
export type StreamLine = Readonly<Record<string, unknown>>;

/**
 * Reads a stream of the running daemon, line by line, until the signal aborts. What is not read makes the daemon drop
 * lines, so that nothing piles up here.
 *
 * @throws UnstaleError UNSTALE_DAEMON_UNREACHABLE when the daemon does not answer, does not let us, or ends it
 */
export async function* readDaemonStream(
  admin: AdminConfig | undefined,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<StreamLine> {
  if (admin === undefined) throw unreachable('admin.listen is off: there is no address to ask');
  const address = addressOf(admin);
  try {
    const response = await open(admin, address, path, signal);
    for await (const line of linesOf(response)) {
      const parsed = parseLine(line);
      if ('end' in parsed)
        throw unreachable(`the daemon on ${address} ended the stream: ${String(parsed['end'])}`);
      yield parsed;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof UnstaleError) throw error;
    throw unreachable(`the daemon on ${address} does not answer any more: ${reasonOf(error)}`, error);
  }
  if (!signal.aborted) throw unreachable(`the connection to the daemon on ${address} ended`);
}

async function open(
  admin: AdminConfig,
  address: string,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (admin.port === 0) throw unreachable('admin.listen has port 0: nobody knows which one the daemon took');
  const request = get(`http://${address}${path}`, {
    agent: false,
    signal,
    timeout: LONGEST_SILENCE,
    headers: admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` },
  });
  request.on('timeout', () => request.destroy(new Error(`silent for ${LONGEST_SILENCE / 1000} s`)));
  let response: IncomingMessage | undefined;
  try {
    [response] = await once(request, 'response');
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreachable(`no daemon answers on ${address}: ${reasonOf(error)}`, error);
  }
  if (response?.statusCode === 200 && response.headers['content-type']?.startsWith('application/x-ndjson')) {
    return response;
  }
  throw unreachable(await refusalOf(response, address));
}

/** Unlike readline, this notices a connection that breaks. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let begun = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const [first = '', ...others] = String(chunk).split('\n');
    begun += first;
    for (const next of others) {
      yield begun;
      begun = next;
    }
  }
}

async function refusalOf(response: IncomingMessage | undefined, address: string): Promise<string> {
  const body = parseLine(response === undefined ? '' : await text(response).catch(() => ''));
  return typeof body['error'] === 'string'
    ? `the daemon on ${address} refuses: ${body['error']}`
    : `${address} answers, but is no daemon of this version`;
}

function parseLine(line: string): StreamLine {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  // A name with several addresses fails with all of their errors and no message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

function unreachable(message: string, cause?: unknown): UnstaleError {
  return new UnstaleError('UNSTALE_DAEMON_UNREACHABLE', message, { cause });
}
