import { createDatabase } from '../../test/support/database.ts';
import type { MysqlServer } from '../../scripts/servers/mysql-server.ts';
import { binlogEnd } from '../binlog-end.ts';
import { decodeDatasetOf } from './datasets.ts';
import type { DecodeDatasetName } from './datasets.ts';
import { runReader } from './readers.ts';
import type { ReaderName } from './readers.ts';
import type { ReaderReport, ReaderTask } from './reader-task.ts';

export interface DecodeOptions {
  readonly dataset: DecodeDatasetName;
  readonly mysql: MysqlServer;
  readonly readers: readonly ReaderName[];
  /** Measured rounds, each of all readers in turn; one more warms up. */
  readonly rounds: number;
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

/** Reports of all rounds of one dataset. */
export interface DecodeResult {
  readonly dataset: DecodeDatasetName;
  readonly rows: number;
  readonly bytes: number;
  readonly reports: Readonly<Partial<Record<ReaderName, readonly ReaderReport[]>>>;
}

/**
 * Writes the dataset to a binlog file of its own, and lets all readers in turn read it.
 * @throws Error when a reader that decodes rows saw another number of them than were changed.
 */
export async function measureDecode(options: DecodeOptions): Promise<DecodeResult> {
  const { mysql, readers, rounds, quick, say } = options;
  const dataset = decodeDatasetOf(options.dataset, quick);
  const db = await createDatabase(mysql);
  try {
    await dataset.prepare(db);
    await db.query('FLUSH BINARY LOGS');
    const from = await binlogEnd(db, mysql.flavour);
    await dataset.change(db);
    const to = await binlogEnd(db, mysql.flavour);
    // What mysqlbinlog copies ends here too.
    await db.query('FLUSH BINARY LOGS');
    if (to.file !== from.file) throw new Error(`${options.dataset} does not fit in one binlog file`);
    const task: ReaderTask = {
      host: mysql.host,
      port: mysql.port,
      user: 'root',
      schema: db.name,
      table: dataset.table,
      from,
      to,
      rows: dataset.rows,
    };
    const bytes = to.offset - from.offset;
    say(
      `${options.dataset}: ${dataset.rows} rows of the mapped table in ${Math.round(bytes / 1e6)} MB of binlog`,
    );
    const reports: Partial<Record<ReaderName, ReaderReport[]>> = {};
    for (let round = quick ? 1 : 0; round <= rounds; round += 1) {
      for (const reader of readers) {
        const report = await runReader(reader, task);
        if (report.rows !== undefined && report.rows !== dataset.rows)
          throw new Error(`${reader} saw ${report.rows} rows of ${dataset.rows} on ${options.dataset}`);
        if (round > 0) (reports[reader] ??= []).push(report);
      }
      const times = readers.map((reader) => `${reader} ${reports[reader]?.at(-1)?.seconds.toFixed(2)}`);
      say(round === 0 ? '  warm-up' : `  round ${round}: ${times.join(', ')} s`);
    }
    return { dataset: options.dataset, rows: dataset.rows, bytes, reports };
  } finally {
    await db.drop();
  }
}
