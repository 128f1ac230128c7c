import type { CommitMark } from '../../change/source-event.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import type { Sleep, SqlClient, Visibility } from '../../pipeline/ports.ts';
import type { ServerBarrier } from './server-barrier.ts';

/** A place in the binlog. */
export interface BinlogPlace {
  readonly file: string;
  readonly offset: number;
}

/**
 * One statement, so that all of it runs in one session: without a snapshot the same variables tell the end of
 * the binlog, which is ahead of what can be seen.
 */
const SNAPSHOT = `BEGIN NOT ATOMIC
  START TRANSACTION WITH CONSISTENT SNAPSHOT;
  SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value FROM information_schema.SESSION_STATUS
   WHERE VARIABLE_NAME IN ('BINLOG_SNAPSHOT_FILE', 'BINLOG_SNAPSHOT_POSITION');
  COMMIT;
END`;

/** The pause between two snapshots, ms: a commit takes about as long. */
const POLL_INTERVAL = 1;
/** From here on a commit waits for something slow, such as a semi-synchronous replica. */
const SLOW_AFTER = 20;
const SLOW_POLL_INTERVAL = 5;

/**
 * Visibility on a MariaDB server that writes the binlog which is read: a consistent snapshot tells the place in
 * the binlog up to which it sees.
 */
export function createSnapshotBarrier(client: SqlClient, timeout: number, sleep: Sleep): ServerBarrier {
  let newest: BinlogPlace | undefined;
  let polling: Promise<BinlogPlace> | undefined;
  const poll = (): Promise<BinlogPlace> => {
    polling ??= readSnapshot(client).finally(() => {
      polling = undefined;
    });
    return polling;
  };
  return {
    forget: () => {
      newest = undefined;
    },
    pass: async (marks, signal): Promise<Visibility> => {
      const begun = performance.now();
      while (!signal.aborted) {
        const seen = newest;
        if (seen !== undefined && marks.every((mark) => isBehind(seen, mark))) return 'visible';
        const waited = performance.now() - begun;
        if (waited > timeout) return 'unknown';
        if (seen !== undefined) await sleep(waited > SLOW_AFTER ? SLOW_POLL_INTERVAL : POLL_INTERVAL, signal);
        newest = await poll();
      }
      return 'unknown';
    },
  };
}

/**
 * Whether a snapshot at `seen` sees the transaction of `mark`. Snapshots lie at ends of transactions only, a
 * mark before its transaction's end, so greater means that the whole transaction is seen.
 */
export function isBehind(seen: BinlogPlace, mark: CommitMark): boolean {
  const files = fileNumber(seen.file) - fileNumber(mark.file);
  return files > 0 || (files === 0 && seen.offset > mark.offset);
}

/** Names are compared by number: behind `binlog.999999` comes `binlog.1000000`. */
function fileNumber(file: string): number {
  return Number(file.slice(file.lastIndexOf('.') + 1));
}

async function readSnapshot(client: SqlClient): Promise<BinlogPlace> {
  const [result] = await client.query(SNAPSHOT);
  // A compound statement answers with a list of results.
  const rows: readonly unknown[] = Array.isArray(result) ? result : [];
  const values = new Map(
    rows.map((row) => [String(member(row, 'name')).toLowerCase(), member(row, 'value')]),
  );
  const file = values.get('binlog_snapshot_file');
  const offset = Number(values.get('binlog_snapshot_position'));
  if (typeof file !== 'string' || file === '' || !Number.isSafeInteger(offset)) {
    throw new UnstaleError('UNSTALE_BARRIER_FAILED', 'the server does not tell the place of a snapshot');
  }
  return { file, offset };
}

function member(row: unknown, name: string): unknown {
  return typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined;
}
