import { createDeadlines } from './deadlines.ts';
import { ReaderError } from './errors.ts';
import type { LoadContext } from './loader.ts';
import type { LoadReason, ReaderObserver } from './observer.ts';

export interface LoadRequest<T> extends Omit<LoadContext, 'signal'> {
  readonly keys: readonly string[];
  readonly reason: LoadReason;
  readonly run: (context: LoadContext) => T | Promise<T>;
}

/** Calls the application's loaders, none for longer than it may take. */
export interface Loads {
  readonly isClosed: boolean;
  /** @throws what the loader throws; ReaderError UNSTALE_READER_LOAD_TIMEOUT, UNSTALE_READER_CLOSED */
  run<T>(request: LoadRequest<T>): Promise<{ readonly result: T; readonly ms: number }>;
  /** Gives up those that run. */
  close(): void;
}

export function createLoads(timeoutMs: number, observer: Required<ReaderObserver>): Loads {
  const deadlines = createDeadlines(timeoutMs);
  const running = new Set<AbortController>();
  let closed = false;

  return {
    get isClosed() {
      return closed;
    },
    async run<T>({ keys, reason, run, ...about }: LoadRequest<T>) {
      if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
      const start = performance.now();
      const controller = new AbortController();
      const { signal } = controller;
      const deadline = deadlines.add(start, () =>
        controller.abort(new ReaderError('UNSTALE_READER_LOAD_TIMEOUT', `${timeoutMs} ms`)),
      );
      running.add(controller);
      let succeeded = false;
      try {
        const aborted = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
        const result = await Promise.race([aborted, call(run, { ...about, signal })]);
        succeeded = true;
        return { result, ms: performance.now() - start };
      } finally {
        deadline.clear();
        running.delete(controller);
        observer.load({ keys, reason, ms: performance.now() - start, succeeded });
      }
    },
    close() {
      closed = true;
      for (const controller of running) controller.abort(new ReaderError('UNSTALE_READER_CLOSED'));
      deadlines.close();
    },
  };
}

/** A loader that throws at once fails like one that rejects. */
async function call<T>(run: LoadRequest<T>['run'], context: LoadContext): Promise<T> {
  return run(context);
}
