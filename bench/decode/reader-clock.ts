import { peakRssBytes } from '../process-usage.ts';
import type { ReaderReport, ReaderTask } from './reader-task.ts';

export function readerTask(): ReaderTask {
  return JSON.parse(process.argv[2] ?? '');
}

/** Measures inside the reader's process, so that starting and connecting are not counted. */
export class ReaderClock {
  #startedAt: number | undefined;
  #cpuAtStart = process.cpuUsage();

  /** At every event; the first one starts the clock. */
  begin(): void {
    if (this.#startedAt !== undefined) return;
    this.#startedAt = performance.now();
    this.#cpuAtStart = process.cpuUsage();
  }

  /** Reports to the parent and ends the process. */
  end(rows?: number): void {
    const seconds = (performance.now() - (this.#startedAt ?? Number.NaN)) / 1000;
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const report: ReaderReport = {
      seconds,
      cpuSeconds: (user + system) / 1e6,
      peakRssMb: peakRssBytes(process.pid) / 1e6,
      ...(rows === undefined ? {} : { rows }),
    };
    process.send?.(report, () => process.exit());
  }
}
