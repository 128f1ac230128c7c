/**
 * The promise's outcome, or a rejection with `onTimeout()` after `ms` milliseconds. A promise that is late
 * goes on, and its outcome is dropped: a late rejection is handled. The timer keeps the process alive,
 * because a deadline often is all that an orderly stop waits for.
 */
export function withDeadline<T>(promise: Promise<T>, ms: number, onTimeout: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(onTimeout()), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
