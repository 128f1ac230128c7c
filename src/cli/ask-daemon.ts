import type { AdminConfig } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { addressOf } from './daemon-address.ts';

/** Longest wait for an answer, ms. */
const PATIENCE = 20_000;

interface DaemonAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Asks the running daemon on its admin address.
 * @throws UnstaleError UNSTALE_DAEMON_UNREACHABLE when it does not answer, or does not let us.
 */
export async function askDaemon(
  admin: AdminConfig | undefined,
  method: 'GET' | 'POST',
  path: string,
): Promise<DaemonAnswer> {
  if (admin === undefined) throw unreachable('admin.listen is switched off: there is no address to ask');
  const response = await request(admin, method, path);
  const body: unknown = await response.json().catch(() => undefined);
  const answer = typeof body === 'object' && body !== null ? Object.fromEntries(Object.entries(body)) : {};
  if (response.status === 401 || response.status === 403) {
    throw unreachable(`the daemon does not allow it: ${String(answer['error'])}`);
  }
  if (body === undefined) throw unreachable(`${addressOf(admin)} answers, but is no daemon of this version`);
  return { status: response.status, body: answer };
}

async function request(admin: AdminConfig, method: string, path: string): Promise<Response> {
  try {
    return await fetch(`http://${addressOf(admin)}${path}`, {
      method,
      headers: {
        'x-unstale': '1',
        ...(admin.token === undefined ? {} : { authorization: `Bearer ${admin.token}` }),
      },
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw unreachable(`no daemon answers on ${addressOf(admin)}: ${cause}`);
  }
}

function unreachable(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_DAEMON_UNREACHABLE', message);
}
