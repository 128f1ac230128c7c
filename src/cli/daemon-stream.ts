import type { IncomingMessage } from 'node:http';
import type { AdminConfig } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { addressOf, parseObject, reasonOf, requestDaemon, unreachable } from './daemon-request.ts';

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
  const address = addressOf(admin);
  try {
    const response = await requestDaemon(admin, { method: 'GET', path, signal, silence: LONGEST_SILENCE });
    if (response.headers['content-type']?.startsWith('application/x-ndjson') !== true) {
      throw unreachable(`${address} answers, but is no daemon of this version`);
    }
    for await (const line of linesOf(response)) {
      const parsed = parseObject(line);
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
