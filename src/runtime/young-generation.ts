import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Lets V8's young generation, which the command line keeps small (see cli/unstale.ts), grow to about `bytes`. What is
 * waiting for Redis must die young: in too small a young generation it lives long enough to be moved to the old one,
 * and to work that off costs more than the work itself (docs/benchmarks.md).
 *
 * V8 asks how much to grow by each time it does, so growing is allowed until the size is reached. Optimized for size it
 * would shrink it again with every collection of the old one. To be called once: it watches for as long as the process lives.
 */
export function growYoungGeneration(bytes: number): void {
  setFlagsFromString('--no-optimize-for-size');
  let growing = false;
  const adjust = (): void => {
    const size = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
    if (growing === size < bytes) return;
    growing = size < bytes;
    setFlagsFromString(`--semi-space-growth-factor=${growing ? 2 : 1}`);
  };
  adjust();
  new PerformanceObserver(adjust).observe({ entryTypes: ['gc'] });
}
