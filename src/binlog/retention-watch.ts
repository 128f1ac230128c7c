import { formatPosition } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Log, Sleep, SqlClient } from '../pipeline/ports.ts';
import { bytesFromOldest, listBinlogFiles } from './binlog-files.ts';
import type { BinlogFile } from './binlog-files.ts';
import { readGlobalVariables } from './server-facts.ts';

export interface RetentionWatchOptions {
  readonly client: SqlClient;
  /** The position that a restart would resume at. */
  readonly stored: () => SourcePosition | undefined;
  /** The files were listed, for whoever else has a use for them. */
  readonly onFiles: (files: readonly BinlogFile[]) => void;
  /** Time between two looks, ms. */
  readonly interval: number;
  readonly sleep: Sleep;
  readonly log: Log;
  readonly now?: () => number;
}

export interface Retention {
  /** From the beginning of the oldest file to the stored position. */
  readonly bytesToOldest: number;
  /** The next purge may take what was not read yet. */
  readonly purgeNear: boolean;
}

/** The share of the server's retention after which a file that is still needed counts as near its purge. */
const NEAR = 0.8;

/** Watches how far the stored position is from what the server purges next, and warns before it is reached. */
export class RetentionWatch {
  readonly #options: RetentionWatchOptions;
  readonly #now: () => number;
  #retention: Retention | undefined;

  constructor(options: RetentionWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** What was seen last; undefined while nothing is known. */
  get retention(): Retention | undefined {
    return this.#retention;
  }

  /** Looks now and then every `interval`, until the signal aborts. It never rejects: a failed look is repeated. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#options.log.debug({ err: asUnstaleError(error) }, 'the binlog files could not be listed');
      }
      await this.#options.sleep(this.#options.interval, signal);
    }
  }

  async #look(): Promise<void> {
    const { client, stored, onFiles, log } = this.#options;
    const files = await listBinlogFiles(client);
    if (files === undefined) return;
    onFiles(files);
    const keptFor = await readRetention(client);
    const position = stored();
    if (position === undefined) return;
    const retention = judgeRetention(position, files, keptFor, this.#now());
    const before = this.#retention?.purgeNear ?? false;
    this.#retention = retention;
    if (retention.purgeNear === before) return;
    const fields = { position: formatPosition(position), oldest: files[0]?.name, newest: files.at(-1)?.name };
    if (!retention.purgeNear) {
      log.info(fields, 'the binlog at the position is no longer near its purge');
      return;
    }
    const err = new UnstaleError(
      'UNSTALE_PURGE_NEAR',
      `the server may soon purge binlog that was not read, from ${formatPosition(position)}`,
    );
    log.warn({ ...fields, err }, 'the binlog at the position is near its purge');
  }
}

/**
 * Judges a position by the files of its server. The newest file is never purged. A file is purged when its last
 * change is older than `keptFor` ms; that is not known, so its creation counts, which warns rather early.
 * `now` is in ms since the epoch; no `keptFor` means that files are kept for ever.
 */
export function judgeRetention(
  position: SourcePosition,
  files: readonly BinlogFile[],
  keptFor: number | undefined,
  now: number,
): Retention {
  const { file, offset, fileCreatedAt } = position;
  const bytesToOldest = bytesFromOldest(file, offset, files);
  const old = keptFor !== undefined && fileCreatedAt > 0 && now - fileCreatedAt * 1000 > keptFor * NEAR;
  const purgeNear = files.at(-1)?.name !== file && (files[0]?.name === file || old);
  return { bytesToOldest, purgeNear };
}

/** How long the server keeps binlogs, ms; undefined for ever. */
export async function readRetention(client: SqlClient): Promise<number | undefined> {
  const variables = await readGlobalVariables(client, [
    'binlog_expire_logs_auto_purge',
    'binlog_expire_logs_seconds',
    'expire_logs_days',
  ]);
  if (variables.get('binlog_expire_logs_auto_purge') === 'OFF') return undefined;
  const seconds = Number(variables.get('binlog_expire_logs_seconds') ?? 0);
  const days = Number(variables.get('expire_logs_days') ?? 0);
  if (seconds > 0) return seconds * 1000;
  return days > 0 ? days * 86_400_000 : undefined;
}
