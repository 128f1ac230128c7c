import type { SourcePosition } from '../change/position.ts';
import { formatPosition } from '../change/position.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient, SqlRow, StartPoint } from '../pipeline/ports.ts';
import { gtidFlavour } from './gtid-set.ts';
import type { ServerFacts } from './server-facts.ts';
import type { DumpStart } from './zongji-stream.ts';

/** How a stored position is resumed. `auto` takes the GTID set where there is one, else file and offset. */
export type ResumeBy = 'auto' | 'gtid' | 'file';

/** What to ask the server for, and the position that it stands for. */
export interface ResolvedStart {
  readonly dump: DumpStart;
  readonly position: SourcePosition;
}

/** COM_BINLOG_DUMP carries a 32-bit offset. */
const MAX_DUMP_OFFSET = 0xffff_ffff;

/** Every binlog file begins with four magic bytes. */
const FIRST_OFFSET = 4;

/**
 * Decides where the dump begins.
 * @throws UnstaleError UNSTALE_POSITION_INVALID when the position cannot belong to this server.
 */
export async function resolveStart(
  start: StartPoint,
  server: ServerFacts,
  client: SqlClient,
  resumeBy: ResumeBy,
): Promise<ResolvedStart> {
  switch (start.from) {
    case 'checkpoint':
      return resume(start.position, server, client, resumeBy);
    case 'latest': {
      const end = await currentEnd(server, client);
      return byFile({ ...unknownFile(server), ...end });
    }
    case 'earliest': {
      const [oldest] = await client.query('SHOW BINARY LOGS');
      const file = text(oldest, 'Log_name');
      if (file === undefined)
        throw new UnstaleError('UNSTALE_BINLOG_OFF', 'the server lists no binlog files');
      return byFile({ ...unknownFile(server), file, offset: FIRST_OFFSET });
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

async function resume(
  position: SourcePosition,
  server: ServerFacts,
  client: SqlClient,
  resumeBy: ResumeBy,
): Promise<ResolvedStart> {
  const { gtidSet } = position;
  const sameServer = position.serverUuid === server.serverUuid;
  if (resumeBy !== 'file' && gtidSet !== undefined && gtidSet !== '' && server.gtidEnabled) {
    await refuseUnknownGtids(gtidSet, server, client);
    // On another server of the topology the GTID set says where to go on; file and offset mean nothing there.
    const here = sameServer ? position : { ...unknownFile(server), epoch: position.epoch, gtidSet };
    return byGtid(here, gtidSet, server);
  }
  if (resumeBy === 'gtid') {
    throw invalid(
      `there is no GTID set to resume by at ${formatPosition(position)}, or the server has gtid_mode off`,
    );
  }
  if (!sameServer) {
    throw invalid(
      `the stored position ${formatPosition(position)} belongs to server ${position.serverUuid}, ` +
        `this is ${server.serverUuid}; file and offset mean nothing here, and there is no GTID set to resume by`,
    );
  }
  return byFile(position);
}

function byFile(position: SourcePosition): ResolvedStart {
  if (position.offset > MAX_DUMP_OFFSET) {
    throw invalid(
      `the offset of ${formatPosition(position)} is over 4 GiB, which only a GTID set can resume`,
    );
  }
  return { dump: { by: 'file', file: position.file, offset: position.offset }, position };
}

function byGtid(position: SourcePosition, gtidSet: string, server: ServerFacts): ResolvedStart {
  if (gtidFlavour(gtidSet) !== server.flavour) {
    throw invalid(
      `the GTID set "${gtidSet}" is not one of ${server.flavour === 'mysql' ? 'MySQL' : 'MariaDB'}`,
    );
  }
  return { dump: { by: 'gtid', gtidSet }, position };
}

/**
 * A set that holds transactions which the server never executed comes from another server, or from a time
 * that a RESET or a restored backup has undone. The server itself would answer by replaying all history.
 */
async function refuseUnknownGtids(gtidSet: string, server: ServerFacts, client: SqlClient): Promise<void> {
  if (server.flavour === 'mariadb') return;
  const [row] = await client.query('SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed) AS known', [gtidSet]);
  if (Number(row?.['known']) === 1) return;
  throw invalid(
    'the stored GTID set holds transactions that this server never executed (RESET, restored backup, or another server)',
  );
}

async function currentEnd(
  server: ServerFacts,
  client: SqlClient,
): Promise<Pick<SourcePosition, 'file' | 'offset' | 'gtidSet'>> {
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

function invalid(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_POSITION_INVALID', message);
}
