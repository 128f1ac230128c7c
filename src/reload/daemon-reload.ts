import type { Config, Settings } from '../config/config.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Logger } from '../observability/logger.ts';
import type { RetryDelay, SqlClient } from '../pipeline/ports.ts';
import { requirePreconditions } from '../preconditions.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { Leadership } from '../term/leadership.ts';
import { Reloader } from './reload.ts';

export interface DaemonReloadOptions {
  readonly load: () => Promise<Settings>;
  /** The configuration in force, or for the next term. */
  readonly current: () => Config;
  /** Another one is in force, or for the next term. */
  readonly onApplied: (config: Config) => void;
  readonly leadership: Leadership;
  readonly client: SqlClient;
  readonly redis: RedisConnection;
  readonly retryDelay: RetryDelay;
  readonly log: Logger;
}

/**
 * Puts other configurations in force: in the term that this daemon leads, or for its next one. Both are checked on the
 * servers before.
 */
export function createDaemonReloader(options: DaemonReloadOptions): Reloader {
  const { load, current, onApplied, leadership, client, redis, retryDelay, log } = options;
  const isEnding = (): boolean => leadership.stopping.aborted || leadership.fatal !== undefined;

  /** What it allows can only be asked when it is there; until then the configuration before stays in force. */
  const redisIsBack = async (): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await redis.checkReady(current().redis.connectTimeout);
        return;
      } catch (thrown) {
        const error = asUnstaleError(thrown);
        if (error.policy.directive !== 'retry') throw error;
        if (isEnding())
          throw new UnstaleError('UNSTALE_RELOAD_REFUSED', 'the daemon is stopping', { cause: error });
        if (attempt === 1) log.info({ reason: error.message }, 'Redis is away; the reload waits for it');
        await retryDelay(attempt, leadership.stopping);
      }
    }
  };

  return new Reloader({
    load,
    current,
    check: async (next) => {
      const refusal = leadership.term?.refusal();
      if (refusal !== undefined) throw new UnstaleError('UNSTALE_RELOAD_REFUSED', refusal);
      if (!current().dryRun) await redisIsBack();
      await requirePreconditions(next, client, redis, log);
    },
    apply: async (next, removals) => {
      // A stream that is being opened cannot be replaced.
      await leadership.settled();
      if (isEnding()) return 'stopping';
      const inForce = (await leadership.term?.reload(next, removals)) ?? false;
      if (!inForce && isEnding()) return 'stopping';
      // A term that ended meanwhile is as if there had been none.
      onApplied(next);
      log.setLevel(next.log.level);
      return inForce ? 'leading' : 'standby';
    },
    log,
  });
}
