import type { RedisConnection } from './connection.ts';

/** Sends one command when its turn has come; rejects with an UnstaleError or, before it is sent, the abort's reason. */
export type Send = <T>(command: () => Promise<T>) => Promise<T>;

export interface ScopeOptions {
  readonly connection: RedisConnection;
  readonly send: Send;
  readonly keysPerCommand: number;
}

/** Keys that one SCAN looks at: well under a millisecond of the server's time. */
const SCAN_COUNT = 1_000;

/**
 * Removes every key of the database that matches the glob `pattern` from the beginning of the scan to its end;
 * resolves with the number of keys removed. What fails is repeated from the start: removing is idempotent.
 * @throws UnstaleError of the command that failed.
 */
export async function removeScope(pattern: string, options: ScopeOptions): Promise<number> {
  const { connection, send, keysPerCommand } = options;
  let removed = 0;
  let found: Buffer[] = [];
  for (let cursor = '0'; ;) {
    const from = cursor;
    const page = await send(() => connection.scan(from, pattern, SCAN_COUNT));
    cursor = page.cursor;
    found = found.concat(page.keys);
    const complete = cursor === '0';
    // What does not fill a command waits for the next page.
    const due = complete ? found.length : found.length - (found.length % keysPerCommand);
    for (let start = 0; start < due; start += keysPerCommand) {
      const keys = found.slice(start, Math.min(start + keysPerCommand, due));
      removed += await send(() => connection.unlink(keys));
    }
    found = found.slice(due);
    if (complete) return removed;
  }
}
