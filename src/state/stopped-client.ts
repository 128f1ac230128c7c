import { hostname } from 'node:os';
import type { Checkpoint } from '../change/checkpoint.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlRow } from '../pipeline/ports.ts';
import { createLeaderLock } from './leader-lock.ts';
import type { LeaderLockOptions } from './leader-lock.ts';
import { createPositionStore } from './position-store.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError, isMissing } from './state-error.ts';

/** Who leads a client: applies its changes and writes its position. */
export interface RunningLeader {
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
  leader(): Promise<RunningLeader | undefined>;
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
export function createStoppedClient(options: LeaderLockOptions): StoppedClient {
  const { client, database, clientId } = options;
  const lock = createLeaderLock(options);
  const query = async (sql: string, params: readonly string[]): Promise<SqlRow | undefined> => {
    try {
      return (await client.query(sql, params))[0];
    } catch (error) {
      throw asStateError(error, database);
    }
  };
  /** What the leader wrote about itself; nothing where no daemon has ever made the table. */
  const lease = async (): Promise<SqlRow | undefined> => {
    const sql =
      'SELECT holder, admin_address, CAST(UNIX_TIMESTAMP(acquired_at) * 1000 AS UNSIGNED) AS since ' +
      `FROM ${quoteIdentifier(database)}.leases WHERE client_id = ?`;
    try {
      return await query(sql, [clientId]);
    } catch (error) {
      if (error instanceof Error && isMissing(error.cause)) return undefined;
      throw error;
    }
  };
  const leader = async (): Promise<RunningLeader | undefined> => {
    const row = await query('SELECT IS_USED_LOCK(?) AS session', [lock.name]);
    const session = Number(row?.['session'] ?? 0);
    if (session === 0) return undefined;
    const known = await lease();
    const [name, address, since] = [known?.['holder'], known?.['admin_address'], Number(known?.['since'])];
    return {
      holder: typeof name === 'string' ? name : `connection ${session} of the state server`,
      ...(typeof address === 'string' && address !== '' ? { adminAddress: address } : {}),
      ...(Number.isSafeInteger(since) ? { since } : {}),
    };
  };

  return {
    leader,
    take: async () => {
      if (!(await lock.take(0))) throw leaderRuns(await leader());
    },
    release: () => lock.release().catch(() => undefined),
    write: async (checkpoint) => {
      const holder = `operator@${hostname()}:${process.pid}`;
      const token = await lock.announce({ holder, adminAddress: undefined }, 0);
      if (token === undefined) {
        throw new UnstaleError(
          'UNSTALE_STATE_UNAVAILABLE',
          `state database ${database}: the connection was lost, and the lock with it, before the position was written; try again`,
        );
      }
      const store = createPositionStore({ ...options, fence: { lock: lock.name, token } });
      await store.save({ ...checkpoint, clientId, fencingToken: token });
    },
  };
}

/** The error of what only a stopped client allows. */
export function leaderRuns(leader: RunningLeader | undefined, why = ''): UnstaleError {
  const who = leader === undefined ? 'a daemon' : leader.holder;
  const where = leader?.adminAddress === undefined ? '' : `, which listens on ${leader.adminAddress}`;
  return new UnstaleError(
    'UNSTALE_LEADER_RUNS',
    `${who} leads for this client_id${where}${why === '' ? '' : `: ${why}`}`,
  );
}
