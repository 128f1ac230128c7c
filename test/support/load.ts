import { setTimeout as delay } from 'node:timers/promises';
import type { DaemonProcess } from './daemon-process.ts';
import { eventually } from './eventually.ts';
import type { Shop } from './shop.ts';

export interface Load {
  /** Rows committed so far; row n has the key `user:n`, which was cached before the commit. */
  readonly committed: number;
  /** Resolves when `count` more rows are committed. */
  more(count: number): Promise<void>;
  /** Ends the load; resolves when the last transaction is committed. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  /** Id of the first row. */
  readonly from?: number;
  /** Writers at the same time, each with a transaction of its own. */
  readonly writers?: number;
  /** Rows a transaction. */
  readonly rows?: number;
}

/**
 * Writes new users without pause. Before a row is committed its key is cached, so a key that is left after
 * the daemon has worked everything off is a lost delete. Writers that meet a stopped server try again.
 */
export function startLoad(shop: Shop, options: LoadOptions = {}): Load {
  const { from = 1, writers = 2, rows = 2 } = options;
  let next = from;
  let committed = 0;
  const stopping = new AbortController();
  let waiters: { readonly at: number; readonly resolve: () => void }[] = [];

  const write = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const ids = Array.from({ length: rows }, () => next++);
      await shop.cache(...ids.map((id) => `user:${id}`));
      for (let done = false; !done;) {
        try {
          // A commit whose reply was lost is repeated; IGNORE makes that harmless.
          await shop.db.query(`INSERT IGNORE INTO users (id) VALUES ${ids.map((id) => `(${id})`).join(',')}`);
          done = true;
        } catch {
          await delay(20);
        }
      }
      committed += rows;
      for (const waiter of waiters.filter(({ at }) => at <= committed)) waiter.resolve();
      waiters = waiters.filter(({ at }) => at > committed);
    }
  };

  const running = Promise.all(Array.from({ length: writers }, write));
  return {
    get committed() {
      return committed;
    },
    more: (count) => new Promise((resolve) => waiters.push({ at: committed + count, resolve })),
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/**
 * Resolves when the daemon has worked off everything that was committed before this call, also when batches
 * overtook each other because one had to be sent again.
 */
export async function drained(shop: Shop, daemon: DaemonProcess, timeoutMs = 30_000): Promise<void> {
  await shop.settled(timeoutMs);
  await eventually(
    'Redis has acknowledged everything that was read',
    async () => (await daemon.metrics()).sum('unstale_in_flight_bytes'),
    (bytes) => bytes === 0,
    { timeoutMs },
  );
}

/** Ids of rows whose key is still cached, of those from `from` to `to`. */
export async function leftOver(shop: Shop, from: number, to: number): Promise<number[]> {
  const left: number[] = [];
  for (let start = from; start <= to; start += 5000) {
    const ids = Array.from({ length: Math.min(5000, to - start + 1) }, (_, index) => start + index);
    const cached = await shop.cached(ids.map((id) => `user:${id}`));
    left.push(...cached.map((rest) => Number(rest.slice('user:'.length))));
  }
  return left;
}
