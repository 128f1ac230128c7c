import type { SqlRow, SqlWriter } from '../pipeline/ports.ts';
import { lockName } from './lock-name.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/** Who led last, as the table `leases` says. */
export interface Leader {
  /** `host:pid`. */
  readonly holder: string;
  /** Where its admin server listens; undefined if it has none. */
  readonly adminAddress: string | undefined;
  readonly token: number;
}

/** What the leader's session sees. */
interface LockView {
  /** Whether this session holds the lock. */
  readonly mine: boolean;
  /** Undefined if nobody has ever led. */
  readonly leader: Leader | undefined;
}

export interface LeaderLockOptions {
  /** With one connection only, because the lock belongs to its session. */
  readonly client: SqlWriter;
  readonly database: string;
  readonly clientId: string;
}

/**
 * The lock of a client on the server of its state, which makes one of any number of daemons the leader, and the row that
 * says who it is. The server frees the lock when its session ends, whatever the reason.
 *
 * All methods throw UNSTALE_STATE_UNAVAILABLE when the server does not answer, or another code of the state tables.
 */
export interface LeaderLock {
  readonly name: string;
  /** Waits for the lock, for so many whole seconds at most; whether this session has it. */
  take(seconds: number): Promise<boolean>;
  look(): Promise<LockView>;
  /**
   * Writes that this session's daemon leads, and resolves with its number, which fences off everybody before it: higher
   * than the last one in the table, and than `after`. Undefined if the session has lost the lock meanwhile.
   */
  announce(leader: Omit<Leader, 'token'>, after: number): Promise<number | undefined>;
  release(): Promise<void>;
}

export function createLeaderLock({ client, database, clientId }: LeaderLockOptions): LeaderLock {
  const name = lockName(database, clientId);
  const table = `${quoteIdentifier(database)}.leases`;
  const inState = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw asStateError(error, database);
    });
  const look = async (): Promise<LockView> => {
    const sql =
      'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS mine, led.fencing_token, led.holder, led.admin_address ' +
      `FROM (SELECT 1 AS one) AS single LEFT JOIN ${table} AS led ON led.client_id = ?`;
    const [row] = await inState(client.query(sql, [name, clientId]));
    return { mine: Number(row?.['mine']) === 1, leader: row === undefined ? undefined : leaderIn(row) };
  };
  return {
    name,
    look,
    take: async (seconds) => {
      const [row] = await inState(client.query('SELECT GET_LOCK(?, ?) AS locked', [name, seconds]));
      return Number(row?.['locked']) === 1;
    },
    announce: async ({ holder, adminAddress = null }, after) => {
      const sql =
        `INSERT INTO ${table} (client_id, fencing_token, holder, admin_address, acquired_at) ` +
        'SELECT ?, ?, ?, ?, UTC_TIMESTAMP(3) FROM (SELECT 1 AS one) AS single ' +
        'WHERE IS_USED_LOCK(?) = CONNECTION_ID() ' +
        'ON DUPLICATE KEY UPDATE fencing_token = GREATEST(leases.fencing_token + 1, VALUES(fencing_token)), ' +
        'holder = VALUES(holder), admin_address = VALUES(admin_address), acquired_at = VALUES(acquired_at)';
      const written = await inState(client.write(sql, [clientId, after + 1, holder, adminAddress, name]));
      if (written === 0) return undefined;
      const { mine, leader } = await look();
      return mine ? leader?.token : undefined;
    },
    release: async () => {
      await inState(client.query('SELECT RELEASE_LOCK(?) AS released', [name]));
    },
  };
}

function leaderIn(row: SqlRow): Leader | undefined {
  const { fencing_token: token, holder, admin_address: adminAddress } = row;
  if (token === null || typeof holder !== 'string') return undefined;
  return {
    token: Number(token),
    holder,
    adminAddress: typeof adminAddress === 'string' ? adminAddress : undefined,
  };
}
