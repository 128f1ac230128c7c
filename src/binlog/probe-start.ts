import { randomInt } from 'node:crypto';
import type { SourcePosition } from '../change/position.ts';
import type { SqlClient, StartPoint } from '../pipeline/ports.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { quoteFile } from './binlog-events.ts';
import { listBinlogFiles, locate } from './binlog-files.ts';
import { CascadeFollower } from './cascades/cascade-follower.ts';
import { NO_TABLE, openDump, readFileCreatedAt } from './dump.ts';
import type { DumpOptions } from './dump.ts';
import { gtidFlavour } from './gtid-set.ts';
import { refuseGtidGap } from './gtid-gap.ts';
import { readServerFacts } from './server-facts.ts';
import { resolveStart } from './start-position.ts';
import type { ResumeBy } from './start-position.ts';

/** Server ids of this half are nobody's: those that are derived from a client's name, and these. */
const UPPER_HALF = 2 ** 31;

/** Events at which something other than a transaction, or a transaction, begins. */
const BOUNDARY =
  /^(?:Gtid|Anonymous_Gtid|Format_desc|Previous_gtids|Gtid_list|Rotate|Stop|Binlog_checkpoint)/i;

/**
 * Where a stream that begins at `start` would begin, with the identity of the file: found out by beginning to read, by a
 * server id that ends no running stream.
 * @throws UnstaleError as `openDump` and `resolveStart`: purged, reset, behind, of another server; UNSTALE_POSITION_INVALID
 *   when no transaction begins there
 */
export async function probeStart(
  start: StartPoint,
  resumeBy: ResumeBy,
  options: DumpOptions,
  signal: AbortSignal,
): Promise<SourcePosition> {
  const { client } = options;
  const server = await readServerFacts(client);
  const ownId = UPPER_HALF + randomInt(UPPER_HALF - 1);
  const probe = { ...options, serverId: ownId, interests: NO_TABLE, hints: false };
  if (start.from === 'file') {
    await requireListed(start.file, start.offset, client);
    await requireBoundary(start.file, start.offset, client);
  }
  if (start.from === 'gtid') {
    if (!server.gtidEnabled) {
      throw new UnstaleError(
        'UNSTALE_GTID_OFF',
        'the server has gtid_mode off: no GTID set says where to begin',
      );
    }
    // Before the dump: the server answers a set that it knows nothing of by sending everything.
    if (gtidFlavour(start.gtidSet) === server.flavour) await refuseGtidGap(start.gtidSet, server, client);
  }
  const fileCreatedAt = (file: string): Promise<number> => readFileCreatedAt(file, probe, server, signal);
  const resolved = await resolveStart(start, { server, client, resumeBy, fileCreatedAt });
  const ignore = (): void => undefined;
  const dump = await openDump(
    probe,
    new CascadeFollower(NO_TABLE, options.stateSchema),
    server,
    resolved,
    { onBegin: ignore, emit: ignore, onActivity: ignore, onUnreadHint: ignore },
    signal,
  );
  await dump.stop();
  return dump.reached;
}

async function requireListed(file: string, offset: number, client: SqlClient): Promise<void> {
  const files = await listBinlogFiles(client);
  if (files === undefined) return;
  const have = `the server has ${files[0]?.name ?? 'none'} to ${files.at(-1)?.name ?? 'none'}`;
  switch (locate(file, offset, files)) {
    case 'listed':
      return;
    case 'purged':
      throw new UnstaleError('UNSTALE_POSITION_PURGED', `${file} was purged; ${have}`);
    case 'ahead':
      throw new UnstaleError('UNSTALE_POSITION_AHEAD', `${file}:${offset} is behind the end of that file`);
    case 'replaced':
      throw new UnstaleError('UNSTALE_POSITION_INVALID', `the server has no ${file}; ${have}`);
  }
}

/**
 * Refuses a place that is no boundary between transactions. Without the right to look (REPLICATION SLAVE, MariaDB BINLOG
 * MONITOR) it passes: the stream itself refuses a place inside of an event.
 */
async function requireBoundary(file: string, offset: number, client: SqlClient): Promise<void> {
  const invalid = (why: string): UnstaleError =>
    new UnstaleError(
      'UNSTALE_POSITION_INVALID',
      `${file}:${offset} is no place between two transactions: ${why}`,
    );
  try {
    const [event] = await client.query(
      `SHOW BINLOG EVENTS IN ${quoteFile(file)} FROM ${Math.trunc(offset)} LIMIT 1`,
    );
    const type = event?.['Event_type'];
    if (typeof type === 'string' && !BOUNDARY.test(type)) throw invalid(`it is before a ${type} event`);
  } catch (error) {
    if (!(error instanceof UnstaleError)) throw error;
    if (error.code === 'UNSTALE_POSITION_INVALID' || error.policy.directive === 'retry') throw error;
    if (error.code === 'UNSTALE_PRIVILEGE_MISSING') return;
    throw invalid(error.message);
  }
}
