import type { ConnectionOptions } from 'mysql2';
import { UnstaleError } from '../errors/unstale-error.ts';
import { openMysqlConnection } from './mysql-connection.ts';
import type { MysqlConnection, SqlParameter } from './mysql-connection.ts';
import { connectionCandidates, formatEndpoint } from './mysql-endpoint.ts';
import type { MysqlEndpoint } from './mysql-endpoint.ts';
import { classifyMysqlError, clientCode, mysqlErrno } from './mysql-errors.ts';

const DEFAULT_PING_AFTER_IDLE = 2000;

/** The server closed the session for idleness; it executed nothing of what it answers so. */
const ER_CLIENT_INTERACTION_TIMEOUT = 4031;

/**
 * What a session needs for statements and values to mean the same on every server: escaping by backslashes,
 * times in UTC, every statement its own transaction.
 */
const SESSION_BASE: readonly string[] = [
  'SET NAMES utf8mb4',
  "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1",
];

type Row = Readonly<Record<string, unknown>>;

/** The same shape as the port of the pipeline: rows are column name to value. */
export interface SqlClient {
  /**
   * Runs one statement; `?` stands for a parameter. A statement without a result set gives no rows.
   * @throws UnstaleError, see `classifyMysqlError`
   */
  query(sql: string, params?: readonly SqlParameter[]): Promise<readonly Row[]>;
  /**
   * The same for a statement that writes; resolves with the number of rows that were inserted, or found to be updated.
   * ON DUPLICATE KEY UPDATE counts a row that it changes twice.
   */
  write(sql: string, params?: readonly SqlParameter[]): Promise<number>;
  /** Ends the connections; statements under way reject. */
  close(): Promise<void>;
}

export interface SqlClientOptions {
  /** What the connection is for: stands in messages and in the server's list of connections. */
  readonly name: string;
  /** Longest wait for the answer to one statement, ms; the connection is cut then. */
  readonly queryTimeout: number;
  /** 1 unless given: then all statements share one session as long as it lives. */
  readonly maxConnections?: number;
  /** Statements that every new session has to run before its first query. */
  readonly sessionSetup?: readonly string[];
  /**
   * A connection idle for longer, in ms, is pinged before its next use, so that a dead one is found before a
   * statement is sent. 2000 unless given.
   */
  readonly pingAfterIdle?: number;
  /** A connection is lost, and its session with it; called at once, before another one is made. */
  readonly onLost?: () => void;
}

/**
 * A small pool that connects on demand and again after a loss. Connecting, with login and session setup, takes
 * at most `connectTimeout`, a statement at most `queryTimeout`. A statement that met a connection which the
 * server had closed meanwhile runs once more on a new one, if it only reads or was not executed.
 */
export function createSqlClient(endpoint: MysqlEndpoint, options: SqlClientOptions): SqlClient {
  return new PooledSqlClient(endpoint, options);
}

interface IdleConnection {
  readonly connection: MysqlConnection;
  readonly since: number;
}

class PooledSqlClient implements SqlClient {
  readonly #endpoint: MysqlEndpoint;
  readonly #options: SqlClientOptions;
  readonly #candidates: readonly [ConnectionOptions, ...ConnectionOptions[]];
  readonly #where: string;
  readonly #idle: IdleConnection[] = [];
  readonly #busy = new Set<MysqlConnection>();
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #closed = false;

  constructor(endpoint: MysqlEndpoint, options: SqlClientOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.#candidates = connectionCandidates(endpoint, `unstale ${options.name}`);
    this.#where = `${options.name} ${formatEndpoint(endpoint)}`;
    this.#free = options.maxConnections ?? 1;
  }

  query(sql: string, params: readonly SqlParameter[] = []): Promise<readonly Row[]> {
    return this.#inTurn((connection) => connection.run(sql, params, this.#options.queryTimeout), sql);
  }

  write(sql: string, params: readonly SqlParameter[] = []): Promise<number> {
    return this.#inTurn((connection) => connection.write(sql, params, this.#options.queryTimeout), sql);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#busy) connection.destroy();
    await Promise.all(this.#idle.splice(0).map(({ connection }) => connection.end()));
  }

  async #inTurn<T>(work: (connection: MysqlConnection) => Promise<T>, sql: string): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await this.#attempt(work, sql);
    } catch (error) {
      throw classifyMysqlError(error, this.#where);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #attempt<T>(work: (connection: MysqlConnection) => Promise<T>, sql: string): Promise<T> {
    const reused = await this.#takeIdle();
    if (reused !== undefined) {
      try {
        return await this.#run(reused, work);
      } catch (error) {
        if (!mayRunAgain(error, sql)) throw error;
      }
    }
    return this.#run(await this.#connect(), work);
  }

  async #run<T>(connection: MysqlConnection, work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    if (this.#closed) {
      connection.destroy();
      throw this.#closedError();
    }
    this.#busy.add(connection);
    let answered = false;
    try {
      const result = await work(connection);
      answered = true;
      return result;
    } catch (error) {
      answered = mysqlErrno(error) !== undefined;
      throw error;
    } finally {
      this.#busy.delete(connection);
      if (answered && !this.#closed && !connection.isLost()) {
        this.#idle.push({ connection, since: performance.now() });
      } else {
        connection.destroy();
      }
    }
  }

  /** An idle connection that is alive as far as one can know, the most recently used first. */
  async #takeIdle(): Promise<MysqlConnection | undefined> {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      const { connection, since } = entry;
      if (connection.isLost()) continue;
      if (performance.now() - since < (this.#options.pingAfterIdle ?? DEFAULT_PING_AFTER_IDLE))
        return connection;
      this.#busy.add(connection);
      try {
        await connection.ping(Math.min(this.#options.queryTimeout, this.#endpoint.connectTimeout));
        return connection;
      } catch {
        connection.destroy();
      } finally {
        this.#busy.delete(connection);
      }
    }
    return undefined;
  }

  async #connect(): Promise<MysqlConnection> {
    if (this.#closed) throw this.#closedError();
    const end = performance.now() + this.#endpoint.connectTimeout;
    const { connection } = await openMysqlConnection(
      this.#endpoint,
      this.#candidates,
      this.#endpoint.connectTimeout,
    );
    const run = async (sql: string): Promise<void> => {
      await connection.run(sql, [], Math.max(1, end - performance.now()));
    };
    try {
      for (const sql of [...SESSION_BASE, ...(this.#options.sessionSetup ?? [])]) await run(sql);
      connection.onLost(() => {
        if (!this.#closed) this.#options.onLost?.();
      });
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  #closedError(): UnstaleError {
    return new UnstaleError('UNSTALE_MYSQL_UNREACHABLE', `${this.#where}: the client is closed`);
  }
}

/** Whether a statement that failed on a reused connection did nothing, or does no harm when repeated. */
function mayRunAgain(error: unknown, sql: string): boolean {
  const errno = mysqlErrno(error);
  if (errno === ER_CLIENT_INTERACTION_TIMEOUT) return true;
  const connectionBroke = errno === undefined && clientCode(error) !== undefined;
  return connectionBroke && !(error instanceof UnstaleError) && /^\s*(?:SELECT|SHOW)\b/i.test(sql);
}
