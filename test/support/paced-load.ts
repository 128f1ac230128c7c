import { setTimeout as delay } from 'node:timers/promises';
import type { Shop } from './shop.ts';

export interface PacedLoad {
  /** Rows committed so far; row n, from 1, had the key `user:n`, which was cached before the commit. */
  readonly committed: number;
  /** Ends the load; resolves with the transactions a second that it reached, pauses of Redis left out. */
  stop(): Promise<number>;
}

/** Part of a second that is written at once. */
const PARTS = 4;
const CACHED_AT_ONCE = 250;

/**
 * Commits new users at a steady rate, a transaction a row. The server loops itself, so that the load leaves the
 * machine to what is tested. While Redis cannot be written nothing is committed, because a key has to be there first.
 */
export async function startPacedLoad(shop: Shop, perSecond: number): Promise<PacedLoad> {
  await shop.db.query(
    `CREATE PROCEDURE add_users(first BIGINT UNSIGNED, behind BIGINT UNSIGNED)
     WHILE first < behind DO
       INSERT IGNORE INTO users (id) VALUES (first);
       SET first = first + 1;
     END WHILE`,
  );
  const part = Math.ceil(perSecond / PARTS);
  const stopping = new AbortController();
  let committed = 0;
  let busyMs = 0;

  const write = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const [first, behind] = [committed + 1, committed + part + 1];
      for (let from = first; from < behind; from += CACHED_AT_ONCE) {
        const count = Math.min(CACHED_AT_ONCE, behind - from);
        await shop.cache(...Array.from({ length: count }, (_, index) => `user:${from + index}`));
      }
      const startedAt = performance.now();
      await shop.db.query('CALL add_users(?, ?)', [first, behind]);
      committed += part;
      const took = performance.now() - startedAt;
      const pause = Math.max(0, 1000 / PARTS - took);
      busyMs += took + pause;
      await delay(pause);
    }
  };
  const running = write();
  return {
    get committed() {
      return committed;
    },
    stop: async () => {
      stopping.abort();
      await running;
      return (committed / busyMs) * 1000;
    },
  };
}
