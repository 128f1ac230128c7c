/** Where lines go. Never throws and never blocks: what cannot be written is dropped and counted. */
export interface LineSink {
  /** @param line without its end */
  write(line: string): void;
  /** Somebody has moved the file away, or mended the disk. */
  reopen(): void;
  /** Resolves when what was taken is written or dropped. */
  close(): Promise<void>;
}

/** Text that waits for its destination, at most so many characters; what comes beyond is dropped. */
export const MOST_WAITING = 1_048_576;

/** A line of its own kind among those of a daemon. */
export function noticeOf(fields: Readonly<Record<string, unknown>>, msg: string): string {
  return JSON.stringify({ level: 'warn', time: new Date().toISOString(), ...fields, msg });
}
