import { createDeadlines } from './deadlines.ts';
import type { Deadline } from './deadlines.ts';
import { ReaderError } from './errors.ts';

export interface LoadLimitSettings {
  /** Loads that run at the same time. */
  readonly concurrent: number;
  /** Loads that wait for their turn; more are refused. */
  readonly queue: number;
  /** How long one waits for its turn, ms. */
  readonly maxWaitMs: number;
}

/** Lets only so many loads run at once: without the cache in front of it the database has to survive. */
export interface LoadLimit {
  readonly running: number;
  readonly waiting: number;
  /**
   * Runs `work` when it is its turn.
   * @throws ReaderError UNSTALE_READER_LOAD_LIMIT when the queue is full or the turn does not come in time,
   *   UNSTALE_READER_CLOSED after a close
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Refuses those that wait, and all to come. */
  close(): void;
}

interface Waiter {
  readonly start: () => void;
  readonly refuse: (error: ReaderError) => void;
  readonly deadline: Deadline;
}

export function createLoadLimit({ concurrent, queue, maxWaitMs }: LoadLimitSettings): LoadLimit {
  /** A set keeps the order of arrival, and forgets one in the middle at once. */
  const waiters = new Set<Waiter>();
  const deadlines = createDeadlines(maxWaitMs);
  let running = 0;
  let closed = false;

  const turn = (): Promise<void> | undefined => {
    if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
    if (running < concurrent) {
      running += 1;
      return undefined;
    }
    if (waiters.size >= queue) throw new ReaderError('UNSTALE_READER_LOAD_LIMIT', `${queue} wait`);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: resolve,
        refuse: reject,
        deadline: deadlines.add(performance.now(), () => {
          waiters.delete(waiter);
          reject(new ReaderError('UNSTALE_READER_LOAD_LIMIT', `no turn in ${maxWaitMs} ms`));
        }),
      };
      waiters.add(waiter);
    });
  };

  const pass = (): void => {
    const [next] = waiters;
    if (next === undefined) {
      running -= 1;
      return;
    }
    // The place goes from one to the next, so that nobody slips in between.
    waiters.delete(next);
    next.deadline.clear();
    next.start();
  };

  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiters.size;
    },
    async run(work) {
      await turn();
      try {
        return await work();
      } finally {
        pass();
      }
    },
    close() {
      closed = true;
      deadlines.close();
      for (const waiter of waiters) waiter.refuse(new ReaderError('UNSTALE_READER_CLOSED'));
      waiters.clear();
    },
  };
}
