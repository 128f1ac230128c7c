import { hostname } from 'node:os';
import type { Checkpoint } from '../change/checkpoint.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlRow } from '../pipeline/ports.ts';
import { lockName } from './lock-name.ts';
import { POSITION_COLUMNS, positionValues, toDatetime } from './position-columns.ts';
import type { PositionStoreOptions } from './position-store.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError, isMissing } from './state-error.ts';

/** Who leads a client: applies its changes and writes its position. */
export interface Leader {
  /** `host:pid` as it says itself, or the connection that holds the lock. */
  readonly holder: string;
  /** Where it listens for operators. */
  readonly adminAddress?: string;
  /** ms since the epoch */
  readonly since?: number;
}

/** The stored position of a client, for operators while no daemon of it leads. */
export interface StoppedClient {
  /** Undefined while nobody leads. */
  leader(): Promise<Leader | undefined>;
  /**
   * Keeps every daemon of the client from leading until `release`.
   * @throws UnstaleError UNSTALE_LEADER_RUNS when one leads
   */
  take(): Promise<void>;
  release(): Promise<void>;
  /**
   * Stores a position, with a fencing token above all before. To be called between `take` and `release`.
   * @throws UnstaleError UNSTALE_STATE_UNAVAILABLE when the connection, and with it the lock, was lost: nothing is stored then
   */
  write(checkpoint: Omit<Checkpoint, 'clientId' | 'fencingToken'>): Promise<void>;
}

/** @throws as `createPositionStore` */
export function createStoppedClient(options: Omit<PositionStoreOptions, 'log'>): StoppedClient {
  const { client, database, clientId } = options;
  const lock = lockName(database, clientId);
  const positions = `${quoteIdentifier(database)}.positions`;
  const leases = `${quoteIdentifier(database)}.leases`;
  let session: number | undefined;

  const query = async (
    sql: string,
    params: readonly (string | number | null)[] = [],
  ): Promise<readonly SqlRow[]> => {
    try {
      return await client.query(sql, params);
    } catch (error) {
      throw asStateError(error, database);
    }
  };

  /** What the leader wrote about itself; nothing where daemons without leases made the tables. */
  const lease = async (): Promise<SqlRow | undefined> => {
    try {
      const sql =
        `SELECT holder, admin_address, CAST(UNIX_TIMESTAMP(acquired_at) * 1000 AS UNSIGNED) AS since, fencing_token ` +
        `FROM ${leases} WHERE client_id = ?`;
      return (await client.query(sql, [clientId]))[0];
    } catch (error) {
      const failure = asStateError(error, database);
      if (isMissing(error)) return undefined;
      throw failure;
    }
  };

  const leader = async (): Promise<Leader | undefined> => {
    const [row] = await query('SELECT IS_USED_LOCK(?) AS session', [lock]);
    const holder = Number(row?.['session'] ?? 0);
    if (holder === 0) return undefined;
    const known = await lease();
    const [name, address, since] = [known?.['holder'], known?.['admin_address'], Number(known?.['since'])];
    return {
      holder: typeof name === 'string' ? name : `connection ${holder} of the state server`,
      ...(typeof address === 'string' && address !== '' ? { adminAddress: address } : {}),
      ...(Number.isSafeInteger(since) ? { since } : {}),
    };
  };

  /** Above the stored ones, of the lease too if there are leases. */
  const nextToken = async (held: number): Promise<number> => {
    const [row] = await query(`SELECT fencing_token FROM ${positions} WHERE client_id = ?`, [clientId]);
    const stored = Number(row?.['fencing_token'] ?? 0);
    const known = await lease();
    const token = Math.max(stored, Number(known?.['fencing_token'] ?? 0)) + 1;
    if (known !== undefined) {
      await query(
        `UPDATE ${leases} SET fencing_token = ?, holder = ?, admin_address = NULL, acquired_at = UTC_TIMESTAMP(3) ` +
          'WHERE client_id = ? AND IS_USED_LOCK(?) = ?',
        [token, `operator@${hostname()}:${process.pid}`, clientId, lock, held],
      );
    }
    return token;
  };

  return {
    leader,
    take: async () => {
      const [row] = await query('SELECT GET_LOCK(?, 0) AS taken, CONNECTION_ID() AS session', [lock]);
      if (Number(row?.['taken']) !== 1) throw leaderRuns(await leader());
      session = Number(row?.['session']);
    },
    release: async () => {
      if (session === undefined) return;
      session = undefined;
      await query('SELECT RELEASE_LOCK(?)', [lock]).catch(() => undefined);
    },
    write: async ({ position, mappingHash, savedAt }) => {
      if (session === undefined) throw new TypeError('the lock is not taken');
      const columns = ['client_id', ...POSITION_COLUMNS, 'mapping_hash', 'fencing_token', 'updated_at'];
      const [, ...updated] = columns;
      await query('START TRANSACTION');
      const token = await nextToken(session);
      // A session that took the place of a lost one does not hold the lock, and writes nothing.
      await query(
        `INSERT INTO ${positions} (${columns.join(', ')}) SELECT ${columns.map(() => '?').join(', ')} FROM DUAL ` +
          'WHERE IS_USED_LOCK(?) = ? AND CONNECTION_ID() = ? ' +
          `ON DUPLICATE KEY UPDATE ${updated.map((column) => `${column} = VALUES(${column})`).join(', ')}`,
        [
          clientId,
          ...positionValues(position),
          mappingHash,
          token,
          toDatetime(savedAt),
          lock,
          session,
          session,
        ],
      );
      await query('COMMIT');
      const [row] = await query('SELECT IS_USED_LOCK(?) AS holder, CONNECTION_ID() AS session', [lock]);
      if (Number(row?.['holder']) === session && Number(row?.['session']) === session) return;
      throw new UnstaleError(
        'UNSTALE_STATE_UNAVAILABLE',
        `state database ${database}: the connection was lost while the position was written; look, and try again`,
      );
    },
  };
}

/** The error of what only a stopped client allows. */
export function leaderRuns(leader: Leader | undefined, why = ''): UnstaleError {
  const who = leader === undefined ? 'a daemon' : leader.holder;
  const where = leader?.adminAddress === undefined ? '' : `, which listens on ${leader.adminAddress}`;
  return new UnstaleError(
    'UNSTALE_LEADER_RUNS',
    `${who} leads for this client_id${where}${why === '' ? '' : `: ${why}`}`,
  );
}
