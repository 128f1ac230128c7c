/** Runs at most `limit` tasks at a time; the others wait and start in the order of their calls. */
export interface Limiter {
  /** Settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createLimiter(limit: number): Limiter {
  const waiting: (() => void)[] = [];
  let active = 0;
  return {
    async run(task) {
      if (active < limit) active += 1;
      else await new Promise<void>((start) => waiting.push(start));
      try {
        return await task();
      } finally {
        // The place is handed over, so that no later call can overtake who waits.
        const next = waiting.shift();
        if (next === undefined) active -= 1;
        else next();
      }
    },
  };
}
