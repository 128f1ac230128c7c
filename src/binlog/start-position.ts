import type { SourcePosition } from '../change/position.ts';
import { formatPosition } from '../change/position.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient, SqlRow, StartPoint } from '../pipeline/ports.ts';
import { listBinlogFiles, locate } from './binlog-files.ts';
import type { BinlogFile } from './binlog-files.ts';
import { refuseGtidGap } from './gtid-gap.ts';
import { gtidFlavour } from './gtid-set.ts';
import type { ServerFacts } from './server-facts.ts';
import type { DumpStart } from './zongji-stream.ts';

/**
 * How a stored position is resumed. `auto` takes file and offset on the server that they belong to, where the
 * file's identity can be verified, and the GTID set everywhere else.
 */
export type ResumeBy = 'auto' | 'gtid' | 'file';

/** What to ask the server for, and the position that it stands for. */
export interface ResolvedStart {
  readonly dump: DumpStart;
  readonly position: SourcePosition;
}

export interface ResolveContext {
  readonly server: ServerFacts;
  readonly client: SqlClient;
  readonly resumeBy: ResumeBy;
  /** Creation time of a binlog file that the server has, s since the epoch. */
  readonly fileCreatedAt: (file: string) => Promise<number>;
}

/** COM_BINLOG_DUMP carries a 32-bit offset. */
const MAX_DUMP_OFFSET = 0xffff_ffff;

/** Every binlog file begins with four magic bytes. */
const FIRST_OFFSET = 4;

/**
 * Decides where the dump begins.
 * @throws UnstaleError with a code of `isGap` when the server cannot continue after a stored position;
 *   UNSTALE_BINLOG_OFF, UNSTALE_GTID_OFF.
 */
export async function resolveStart(start: StartPoint, context: ResolveContext): Promise<ResolvedStart> {
  const { server, client } = context;
  if (!server.logBin) throw new UnstaleError('UNSTALE_BINLOG_OFF', 'the server writes no binlog');
  switch (start.from) {
    case 'checkpoint':
      return resume(start, context);
    case 'latest':
      return byFile(await currentEnd(server, client));
    case 'earliest': {
      const [oldest] = (await listBinlogFiles(client)) ?? [];
      if (oldest === undefined)
        throw new UnstaleError('UNSTALE_BINLOG_OFF', 'the server lists no binlog files');
      return byFile({ ...unknownFile(server), file: oldest.name, offset: FIRST_OFFSET });
    }
    case 'file': {
      const gtidSet = await mariadbGtidAt(start.file, start.offset, server, client);
      return byFile({
        ...unknownFile(server),
        file: start.file,
        offset: start.offset,
        ...(gtidSet === undefined ? {} : { gtidSet }),
      });
    }
    case 'gtid':
      return byGtid({ ...unknownFile(server), gtidSet: start.gtidSet }, start.gtidSet, server);
  }
}

/** The epoch goes on from the newest position, however far the stored one is behind it: versions never fall. */
async function resume(
  { position, newest = position }: Extract<StartPoint, { from: 'checkpoint' }>,
  context: ResolveContext,
): Promise<ResolvedStart> {
  const { serverUuid } = context.server;
  const resumed = position.serverUuid === serverUuid ? resumeHere : resumeElsewhere;
  const { dump, position: place } = await resumed(position, context);
  const epoch = newest.serverUuid === serverUuid ? newest.epoch : newest.epoch + 1;
  return { dump, position: { ...place, epoch } };
}

/** On the server that the position belongs to. */
async function resumeHere(position: SourcePosition, context: ResolveContext): Promise<ResolvedStart> {
  const { server, client, resumeBy } = context;
  const { gtidSet } = position;
  const usable = resumeBy !== 'file' && server.gtidEnabled && gtidSet !== undefined ? gtidSet : undefined;
  if (resumeBy === 'gtid' && usable === undefined) {
    throw new UnstaleError(
      'UNSTALE_GTID_OFF',
      `there is no GTID set to resume by at ${formatPosition(position)}, or the server has gtid_mode off`,
    );
  }
  const files = await listBinlogFiles(client);
  // Without the right to look, the server's own refusals have to do.
  const place = files === undefined ? 'listed' : locate(position.file, position.offset, files);
  switch (place) {
    case 'replaced':
      throw new UnstaleError(
        'UNSTALE_BINLOG_RESET',
        `the stored position is ${formatPosition(position)}, but the server's binlogs are ${describe(files)}: they were reset or replaced`,
      );
    case 'ahead':
      await refuseAnotherFile(position, context);
      throw new UnstaleError(
        'UNSTALE_POSITION_AHEAD',
        `the stored position ${formatPosition(position)} is behind the end of that file; the server's binlogs are ${describe(files)}`,
      );
    case 'purged':
      if (usable !== undefined) {
        await refuseGtidGap(usable, server, client);
        return byGtid({ ...unknownFile(server), gtidSet: usable }, usable, server);
      }
      throw new UnstaleError(
        'UNSTALE_POSITION_PURGED',
        `the stored position is ${formatPosition(position)}, but the server's binlogs are ${describe(files)}: the file was purged`,
      );
    case 'listed':
      if (resumeBy !== 'gtid' || usable === undefined) return byFile(position);
      await refuseAnotherFile(position, context);
      await refuseGtidGap(usable, server, client);
      return byGtid(position, usable, server);
  }
}

/** On another server of the topology only the GTID set says where to go on. */
async function resumeElsewhere(position: SourcePosition, context: ResolveContext): Promise<ResolvedStart> {
  const { server, client, resumeBy } = context;
  const { gtidSet } = position;
  if (resumeBy === 'file' || gtidSet === undefined || !server.gtidEnabled) {
    throw new UnstaleError(
      'UNSTALE_SERVER_CHANGED',
      `the stored position ${formatPosition(position)} belongs to server ${position.serverUuid}, ` +
        `this is ${server.serverUuid}; file and offset mean nothing here, and there is no GTID set to resume by`,
    );
  }
  await refuseGtidGap(gtidSet, server, client);
  return byGtid({ ...unknownFile(server), gtidSet }, gtidSet, server);
}

/**
 * Refuses a file that only has the stored file's name: the creation time is its identity.
 * @throws UnstaleError UNSTALE_BINLOG_RESET
 */
export async function refuseAnotherFile(
  position: SourcePosition,
  { fileCreatedAt }: ResolveContext,
): Promise<void> {
  if (position.fileCreatedAt === 0) return;
  const createdAt = await fileCreatedAt(position.file);
  if (createdAt !== position.fileCreatedAt) throw anotherFile(position, createdAt);
}

/** The error of a file that was created at `createdAt` (s) and not when the stored position's was. */
export function anotherFile(position: SourcePosition, createdAt: number): UnstaleError {
  const when = (seconds: number): string => new Date(seconds * 1000).toISOString();
  return new UnstaleError(
    'UNSTALE_BINLOG_RESET',
    `${position.file} was created at ${when(createdAt)}, the stored position ${formatPosition(position)} is from a ` +
      `file of that name created at ${when(position.fileCreatedAt)}: the binlogs were reset or replaced`,
  );
}

/**
 * Behind 4 GiB the dump begins at the start of the file, and what was applied already is applied again. A GTID
 * set would not help: the server would skip to the same place, and the offset there could not be known.
 */
function byFile(position: SourcePosition): ResolvedStart {
  const offset = position.offset > MAX_DUMP_OFFSET ? FIRST_OFFSET : position.offset;
  return { dump: { by: 'file', file: position.file, offset }, position: { ...position, offset } };
}

function byGtid(position: SourcePosition, gtidSet: string, server: ServerFacts): ResolvedStart {
  if (gtidFlavour(gtidSet) !== server.flavour && gtidSet !== '') {
    throw new UnstaleError(
      'UNSTALE_GTID_FOREIGN',
      `the GTID set "${gtidSet}" is not one of ${server.flavour === 'mysql' ? 'MySQL' : 'MariaDB'}`,
    );
  }
  return { dump: { by: 'gtid', gtidSet }, position };
}

function describe(files: readonly BinlogFile[] | undefined): string {
  const oldest = files?.[0];
  const newest = files?.at(-1);
  if (oldest === undefined || newest === undefined) return 'none';
  return `${oldest.name} to ${newest.name}:${newest.size}`;
}

/**
 * The end of the binlog as it is now, in the epoch 0.
 * @throws UnstaleError UNSTALE_BINLOG_OFF
 */
export async function currentEnd(server: ServerFacts, client: SqlClient): Promise<SourcePosition> {
  const row = await binlogStatus(client);
  const file = text(row, 'File');
  const offset = Number(row?.['Position']);
  if (file === undefined || !Number.isSafeInteger(offset)) {
    throw new UnstaleError('UNSTALE_BINLOG_OFF', 'the server reports no current binlog position');
  }
  const gtidSet =
    server.flavour === 'mariadb'
      ? await mariadbGtidAt(file, offset, server, client)
      : text(row, 'Executed_Gtid_Set');
  return {
    ...unknownFile(server),
    file,
    offset,
    ...(gtidSet === undefined || !server.gtidEnabled ? {} : { gtidSet: gtidSet.replaceAll(/\s/g, '') }),
  };
}

/** MySQL 8.2 renamed the statement and 8.4 removed the old name; MariaDB has its own. */
async function binlogStatus(client: SqlClient): Promise<SqlRow | undefined> {
  try {
    return (await client.query('SHOW BINARY LOG STATUS'))[0];
  } catch (error) {
    if (!(error instanceof UnstaleError) || error.code !== 'UNSTALE_MYSQL_QUERY_FAILED') throw error;
    return (await client.query('SHOW MASTER STATUS'))[0];
  }
}

async function mariadbGtidAt(
  file: string,
  offset: number,
  server: ServerFacts,
  client: SqlClient,
): Promise<string | undefined> {
  if (server.flavour !== 'mariadb') return undefined;
  const [row] = await client.query('SELECT BINLOG_GTID_POS(?, ?) AS gtids', [file, offset]);
  return text(row, 'gtids');
}

/** A place in a file that is not known yet: the stream's first events tell. */
function unknownFile(server: ServerFacts): SourcePosition {
  return { serverUuid: server.serverUuid, epoch: 0, file: '', offset: FIRST_OFFSET, fileCreatedAt: 0 };
}

function text(row: SqlRow | undefined, column: string): string | undefined {
  const value = row?.[column];
  return typeof value === 'string' ? value : undefined;
}
