import { setTimeout as sleep } from 'node:timers/promises';
import { parseApplied } from '../protocol/applied.ts';
import { containsGtids, parseGtidSet } from './gtid-set.ts';
import type { GtidSet } from './gtid-set.ts';

/** Waits until the daemon has applied changes to Redis. */
export interface AppliedWait {
  /**
   * True as soon as all of them are applied, false when the time is over.
   * @throws ReaderError UNSTALE_READER_GTID for a text that is no GTID set
   */
  until(gtid: string, timeoutMs: number): Promise<boolean>;
  /** All that wait get false. */
  close(): void;
}

/** Between two questions, ms. */
const PAUSE = 10;

interface Waiter {
  readonly wanted: GtidSet;
  readonly end: (reached: boolean) => void;
}

/** `ask` reads the daemon's position in Redis. All that wait share the questions. */
export function createAppliedWait(ask: () => Promise<string | null>): AppliedWait {
  const waiters = new Set<Waiter>();
  let isAsking = false;
  let last: { readonly text: string; readonly set: GtidSet | undefined } = { text: '', set: undefined };

  const applied = async (): Promise<GtidSet | undefined> => {
    const text = (await ask()) ?? '';
    if (text !== last.text) last = { text, set: setOf(text) };
    return last.set;
  };

  const askWhileAwaited = async (): Promise<void> => {
    isAsking = true;
    while (waiters.size > 0) {
      try {
        const set = await applied();
        for (const waiter of waiters)
          if (set !== undefined && containsGtids(set, waiter.wanted)) waiter.end(true);
      } catch {
        // Redis may come back within their time.
      }
      if (waiters.size > 0) await sleep(PAUSE);
    }
    isAsking = false;
  };

  return {
    async until(gtid, timeoutMs) {
      const wanted = parseGtidSet(gtid);
      return new Promise((resolve) => {
        const timer = setTimeout(() => waiter.end(false), timeoutMs);
        const waiter: Waiter = {
          wanted,
          end: (reached) => {
            clearTimeout(timer);
            waiters.delete(waiter);
            resolve(reached);
          },
        };
        waiters.add(waiter);
        if (!isAsking) void askWhileAwaited();
      });
    },
    close() {
      for (const waiter of waiters) waiter.end(false);
    },
  };
}

/** Undefined while the daemon has said nothing that can be read. */
function setOf(text: string): GtidSet | undefined {
  const position = parseApplied(text);
  try {
    return position === undefined ? undefined : parseGtidSet(position.gtidSet);
  } catch {
    return undefined;
  }
}
