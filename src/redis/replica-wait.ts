import { UnstaleError } from '../errors/unstale-error.ts';
import type { Link } from './link.ts';
import { classifyRedisError } from './replies.ts';

export interface ReplicaWaitOptions {
  /** Replicas that have to have what was written; 0: none is waited for. */
  readonly replicas: number;
  /** How long they have for it, ms. */
  readonly timeout: number;
}

/**
 * Resolves when enough replicas have everything that was written on the link up to now. It is asked on the connection
 * of the writes, since WAIT knows of no others; commands behind it on the same connection wait as well.
 */
export type ReplicaWait = () => Promise<void>;

/** @throws UnstaleError UNSTALE_REDIS_REPLICAS when too few have it in time. */
export function createReplicaWait(link: Link, endpoint: string, options: ReplicaWaitOptions): ReplicaWait {
  const { replicas, timeout } = options;
  // Commands that replicas are known to have, counted over all sessions.
  let settled = 0;
  return async () => {
    const sent = link.sent();
    if (replicas === 0 || settled >= sent) return;
    const acknowledged = await link
      .command((client) => client.wait(replicas, timeout))
      .catch((error: unknown) => {
        throw classifyRedisError(error);
      });
    if (acknowledged < replicas) {
      throw new UnstaleError(
        'UNSTALE_REDIS_REPLICAS',
        `${acknowledged} of ${replicas} replicas of ${endpoint} acknowledged the batch within ${timeout} ms`,
      );
    }
    settled = Math.max(settled, sent);
  };
}

/** What was sent on a connection that is gone may be on no replica: nobody can ask any more. */
export function requireSameSessions(since: number, now: number): void {
  if (since === now) return;
  throw new UnstaleError(
    'UNSTALE_REDIS_REPLICAS',
    'a connection was lost before replicas acknowledged what was written on it',
  );
}
