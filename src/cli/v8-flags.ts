/**
 * V8 would let the young generation grow to 64 MB and the old one to a multiple of what is alive, because the
 * machine has memory. A daemon beside an application should not take it: this halves its peak, and a
 * backlog is still worked off faster than by a plain loop (docs/benchmarks.md).
 */
export const DAEMON_FLAGS: readonly string[] = [
  '--semi-space-growth-factor=1',
  '--heap-growing-percent=12',
  // However small the percentage, the old generation grows by 8 MB before it is collected; with this by 2 MB.
  '--optimize-for-size',
];

/** Options of Node.js for a process that is no daemon, from those of a daemon. */
export function withoutDaemonFlags(options: readonly string[]): string[] {
  return options.filter((option) => !DAEMON_FLAGS.includes(option));
}
