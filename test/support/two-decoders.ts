import ZongJi from '@vlasky/zongji';
import type { RowData, UpdateRowData } from '@vlasky/zongji';

import { readCharsets } from '../../src/binlog/charsets.ts';
import { EventDecoder } from '../../src/binlog/decoder/event-decoder.ts';
import { takeDump } from '../../src/binlog/dump-packets.ts';
import type { RowChange } from '../../src/change/row-change.ts';
import type { SqlClient } from '../../src/pipeline/ports.ts';
import type { ProvidedMysql } from './global-setup.ts';
import { rootCredentials } from './database.ts';
import { interestsIn } from './interests.ts';

/** The part of a binlog file to read, in bytes from its beginning. */
export interface BinlogPart {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** Both as key to value; a column that an image does not hold is undefined in ours and null in zongji's. */
type Row = Readonly<Record<string, unknown>>;

export interface Change {
  readonly op: 'insert' | 'update' | 'delete';
  readonly before?: Row;
  readonly after?: Row;
}

/** What our decoder makes of one table's rows. */
export async function decodeOurs(
  server: ProvidedMysql,
  client: SqlClient,
  part: BinlogPart,
  table: { readonly schema: string; readonly table: string },
  columns: readonly string[],
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  const charsets = await readCharsets(client);
  const named = (image: readonly unknown[]): Row =>
    Object.fromEntries(columns.map((column, index) => [column, image[index]]));
  const add = (change: RowChange): void => {
    changes.push({
      op: change.op,
      ...('before' in change ? { before: named(change.before) } : {}),
      ...('after' in change ? { after: named(change.after) } : {}),
    });
  };
  await follow(server, part, (zongji, ended, failed) => {
    zongji.on('ready', () => {
      const decoder = new EventDecoder({
        flavour: server.flavour,
        interests: interestsIn([{ table, columns }]),
        stateSchema: undefined,
        charsets,
        checksumBytes: zongji.useChecksum ? 4 : 0,
        verifyChecksums: true,
        rowMetadata: 'full',
        readCatalogue: async () => undefined,
        emit: (event) => {
          if (event.kind === 'rows') for (const change of event.changes) add(change);
          if (event.nextOffset >= part.to) ended();
        },
      });
      takeDump(zongji, { consumer: decoder, onActivity: () => undefined, onFailure: failed });
    });
  });
  return changes;
}

/** What zongji makes of the same. */
export async function decodeZongji(
  server: ProvidedMysql,
  part: BinlogPart,
  table: { readonly schema: string; readonly table: string },
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  await follow(server, part, (zongji, ended) => {
    zongji.on('binlog', (event) => {
      if ('rows' in event && event.tableMap[event.tableId]?.tableName === table.table) {
        for (const row of event.rows) changes.push(changeOf(event.getEventName(), row));
      }
      if (event.nextPosition >= part.to) ended();
    });
  });
  return changes;
}

function changeOf(event: string, row: RowData | UpdateRowData): Change {
  if (isUpdate(event, row)) return { op: 'update', before: { ...row.before }, after: { ...row.after } };
  return event === 'writerows' ? { op: 'insert', after: { ...row } } : { op: 'delete', before: { ...row } };
}

function isUpdate(event: string, row: RowData | UpdateRowData): row is UpdateRowData {
  return event === 'updaterows' && 'after' in row;
}

/** Lets a zongji of its own read the part; resolves when `ended` was called. */
async function follow(
  server: ProvidedMysql,
  part: BinlogPart,
  prepare: (zongji: ZongJi, ended: () => void, failed: (error: unknown) => void) => void,
): Promise<void> {
  const zongji = new ZongJi({
    ...rootCredentials(server),
    supportBigNumbers: true,
    dateStrings: true,
    timezone: 'Z',
  });
  const done = Promise.withResolvers<void>();
  zongji.on('error', done.reject);
  prepare(zongji, done.resolve, done.reject);
  zongji.start({ serverId: 4711, filename: part.file, position: part.from });
  try {
    await done.promise;
  } finally {
    const stopped = new Promise<void>((resolve) => {
      zongji.once('stopped', () => resolve());
    });
    zongji.stop();
    await stopped;
  }
}
