import { MysqlSource } from '../../src/binlog/mysql-source.ts';
import type { SourceEvent } from '../../src/change/source-event.ts';
import type { TableInterests } from '../../src/change/table.ts';
import { createRetryDelay } from '../../src/runtime/backoff.ts';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { classifyMysqlError } from '../../src/runtime/mysql-errors.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import type { TestDatabase } from './database.ts';

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface SourceReader {
  /** Everything that the source delivered since the last call, up to the event for which `isLast` is true. */
  until(isLast: (event: SourceEvent) => boolean): Promise<readonly SourceEvent[]>;
  close(): Promise<void>;
}

/** The plain source of a daemon, from now on, with the daemon's account. */
export async function readSource(
  db: TestDatabase,
  interests: TableInterests,
  options: { readonly hints?: boolean } = {},
): Promise<SourceReader> {
  const url = new URL(db.url);
  const endpoint = { host: url.hostname, port: Number(url.port), ...db.account, connectTimeout: 5000 };
  const client = createSqlClient(
    { ...endpoint, sslMode: 'disabled' },
    { name: 'reader', queryTimeout: 10_000 },
  );
  const source = new MysqlSource({
    ...options,
    client,
    connection: async () => endpoint,
    classifyError: (error) => classifyMysqlError(error, 'binlog'),
    interests,
    stateSchema: db.stateDatabase,
    serverId: 70_000 + Math.floor(Math.random() * 1e6),
    resumeBy: 'file',
    onGap: 'halt',
    gapWait: 0,
    sleep,
    rowMetadata: 'full',
    verifyChecksums: true,
    heartbeatInterval: 500,
    silenceTimeout: 20_000,
    startTimeout: 20_000,
    maxBufferedBytes: 16 * 1024 * 1024,
    retryDelay: createRetryDelay({ initial: 50, max: 500 }),
    log: silent,
    onConnect: () => undefined,
  });
  const close = async (): Promise<void> => {
    await source.close();
    await client.close();
  };
  try {
    await source.open({ from: 'latest' }, new AbortController().signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    until: async (isLast) => {
      const events: SourceEvent[] = [];
      for (;;) {
        const read = await source.read();
        if (read.length === 0) throw new Error('the source was closed');
        events.push(...read);
        if (read.some(isLast)) return events;
      }
    },
    close,
  };
}
