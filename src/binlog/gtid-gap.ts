import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient, SqlRow } from '../pipeline/ports.ts';
import { listBinlogFiles } from './binlog-files.ts';
import { gtidFlavour } from './gtid-set.ts';
import type { ServerFacts } from './server-facts.ts';

/** How long a server may take to execute what it has received already, s: a replica that is just promoted. */
const CATCH_UP_S = 5;

/**
 * Refuses a server that cannot continue after the transactions `seen`. Asked before the dump, because the
 * server itself says less, and answers a set that it knows nothing of by replaying all its history.
 * @throws UnstaleError UNSTALE_GTID_FOREIGN, UNSTALE_SERVER_BEHIND or UNSTALE_POSITION_PURGED, with what is missing.
 */
export async function refuseGtidGap(seen: string, server: ServerFacts, client: SqlClient): Promise<void> {
  if (seen !== '' && gtidFlavour(seen) !== server.flavour) {
    throw new UnstaleError(
      'UNSTALE_GTID_FOREIGN',
      `the GTID set "${seen}" is not one of ${server.flavour === 'mysql' ? 'MySQL' : 'MariaDB'}`,
    );
  }
  const { unknown, purged } =
    server.flavour === 'mysql' ? await compareMysql(seen, client) : await compareMariadb(seen, client);
  if (unknown !== undefined) {
    throw new UnstaleError(
      unknown.code,
      `the stored GTID set holds ${unknown.gtids}, which this server (${server.serverUuid}) never executed`,
    );
  }
  if (purged !== '') {
    throw new UnstaleError(
      'UNSTALE_POSITION_PURGED',
      `the server has purged ${purged}, which was not read yet; it was read up to ${seen === '' ? 'nothing' : seen}`,
    );
  }
}

interface Comparison {
  /** What was seen and the server never executed. */
  readonly unknown: { readonly code: ErrorCode; readonly gtids: string } | undefined;
  /** What was not seen and the server has purged; empty if nothing. */
  readonly purged: string;
}

async function compareMysql(seen: string, client: SqlClient): Promise<Comparison> {
  const compare = async (): Promise<{ unknown: string; executed: string; purged: string }> => {
    const [row] = await client.query(
      'SELECT GTID_SUBTRACT(?, @@GLOBAL.gtid_executed) AS unknown_gtids, @@GLOBAL.gtid_executed AS executed, ' +
        'GTID_SUBTRACT(@@GLOBAL.gtid_purged, ?) AS purged',
      [seen, seen],
    );
    const read = (column: string): string => textOf(row, column).replaceAll(/\s/g, '');
    return { unknown: read('unknown_gtids'), executed: read('executed'), purged: read('purged') };
  };
  let { unknown, executed, purged } = await compare();
  if (unknown !== '') {
    // A transaction is sent before its commit is complete, and a replica may still apply what it has received.
    await client.query('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?)', [unknown, CATCH_UP_S]);
    ({ unknown, executed, purged } = await compare());
  }
  if (unknown === '') return { unknown: undefined, purged };
  const known = new Set(executed.split(',').map(sourceOf));
  const foreign = unknown.split(',').every((block) => !known.has(sourceOf(block)));
  return {
    unknown: { code: foreign ? 'UNSTALE_GTID_FOREIGN' : 'UNSTALE_SERVER_BEHIND', gtids: unknown },
    purged,
  };
}

/** The UUID of a block such as `uuid:1-5:tag:7`. */
function sourceOf(block: string): string {
  return block.slice(0, block.indexOf(':'));
}

async function compareMariadb(seen: string, client: SqlClient): Promise<Comparison> {
  let unknown = await unknownToMariadb(seen, client);
  if (unknown !== undefined) {
    await client.query('SELECT MASTER_GTID_WAIT(?, ?)', [seen, CATCH_UP_S]);
    unknown = await unknownToMariadb(seen, client);
  }
  return { unknown, purged: await purgedOnMariadb(seen, client) };
}

async function unknownToMariadb(seen: string, client: SqlClient): Promise<Comparison['unknown']> {
  // The newest transaction of each domain and server that ever was in the binlog.
  const [row] = await client.query('SELECT @@GLOBAL.gtid_binlog_state AS state');
  const state = parsePositions(textOf(row, 'state'));
  const unknown = parsePositions(seen).filter(
    ({ domain, server, sequence }) =>
      !state.some(
        (known) => known.domain === domain && known.server === server && known.sequence >= sequence,
      ),
  );
  if (unknown.length === 0) return undefined;
  const foreign = unknown.every(({ domain }) => !state.some((known) => known.domain === domain));
  return {
    code: foreign ? 'UNSTALE_GTID_FOREIGN' : 'UNSTALE_SERVER_BEHIND',
    gtids: unknown.map(({ gtid }) => gtid).join(','),
  };
}

async function purgedOnMariadb(seen: string, client: SqlClient): Promise<string> {
  const [oldest] = (await listBinlogFiles(client)) ?? [];
  if (oldest === undefined) return '';
  // The position at the beginning of the oldest file: everything up to it is purged.
  const [row] = await client.query('SELECT BINLOG_GTID_POS(?, 4) AS gtids', [oldest.name]);
  const positions = parsePositions(seen);
  return parsePositions(textOf(row, 'gtids'))
    .filter(
      ({ domain, sequence }) => (positions.find((own) => own.domain === domain)?.sequence ?? 0) < sequence,
    )
    .map(({ gtid }) => `everything up to ${gtid}`)
    .join(', ');
}

function textOf(row: SqlRow | undefined, column: string): string {
  const value = row?.[column];
  return typeof value === 'string' ? value : '';
}

interface DomainPosition {
  readonly gtid: string;
  readonly domain: string;
  readonly server: string;
  readonly sequence: number;
}

function parsePositions(text: string): readonly DomainPosition[] {
  return text.split(',').flatMap((gtid) => {
    const [, domain, server, sequence] = /^\s*(\d+)-(\d+)-(\d+)\s*$/.exec(gtid) ?? [];
    if (domain === undefined || server === undefined) return [];
    return [{ gtid: gtid.trim(), domain, server, sequence: Number(sequence) }];
  });
}
