import type { Follower } from './follower.ts';
import { cpuSeconds, monotonicMs, peakRssBytes } from './process-usage.ts';

export interface CatchUpRound {
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  readonly peakRssMb: number;
}

/**
 * Lets a follower that has just been started work off its part of the binlog, and ends it. The clock runs from the
 * first event's arrival to the last reply of Redis; connecting is not counted.
 */
export async function runCatchUp(follower: Follower, rows: number): Promise<CatchUpRound> {
  try {
    await follower.begun();
    const startedAt = monotonicMs();
    const cpuAtStart = cpuSeconds(follower.pid);
    await follower.caughtUp();
    const seconds = (monotonicMs() - startedAt) / 1000;
    const cpu = cpuSeconds(follower.pid) - cpuAtStart;
    return {
      rowsPerSecond: rows / seconds,
      cpuMicrosPerRow: (cpu * 1e6) / rows,
      peakRssMb: peakRssBytes(follower.pid) / 1e6,
    };
  } finally {
    await follower.stop();
  }
}
