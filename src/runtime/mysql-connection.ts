import { createConnection } from 'mysql2';
import type { ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2';
import { UnstaleError } from '../errors/unstale-error.ts';
import { withDeadline } from './deadline.ts';
import { sleep } from './sleep.ts';
import { clientCode } from './mysql-errors.ts';
import { connectionCandidates, formatEndpoint, openSocket } from './mysql-endpoint.ts';
import type { MysqlEndpoint } from './mysql-endpoint.ts';

/** Longest wait for an orderly goodbye, ms. */
const END_TIMEOUT = 1000;

export type SqlParameter = string | number | Uint8Array | null;

/** One logged-in connection. It never throws outside of a call. */
export interface MysqlConnection {
  /** Whether the connection can no longer be used. */
  isLost(): boolean;
  /** Calls back once, at once, when the connection is lost, by whatever but `end`. */
  onLost(listener: () => void): void;
  /** Rows of a statement, none for a statement without a result set. Rejects with mysql2's own errors. */
  run(sql: string, params: readonly SqlParameter[], deadline: number): Promise<readonly RowDataPacket[]>;
  /** Rows that a statement has affected; those that an update found count, changed or not. Rejects like `run`. */
  write(sql: string, params: readonly SqlParameter[], deadline: number): Promise<number>;
  ping(deadline: number): Promise<void>;
  /** Says goodbye to the server; cuts the connection when that takes long. */
  end(): Promise<void>;
  /** Cuts the connection at once, even a frozen one; statements under way reject. */
  destroy(): void;
}

/** An open connection and the options that led to it. */
export interface OpenedConnection {
  readonly connection: MysqlConnection;
  readonly options: ConnectionOptions;
}

/**
 * Connects and logs in within `deadline` ms, by the first of the candidates that the server can do.
 * Rejects with mysql2's own errors, or with UNSTALE_MYSQL_UNREACHABLE at the deadline.
 */
export async function openMysqlConnection(
  endpoint: MysqlEndpoint,
  candidates: readonly [ConnectionOptions, ...ConnectionOptions[]],
  deadline: number,
): Promise<OpenedConnection> {
  const end = performance.now() + deadline;
  const [options, fallback] = candidates;
  try {
    return { connection: await logIn(endpoint, options, deadline), options };
  } catch (error) {
    if (fallback === undefined || clientCode(error) !== 'HANDSHAKE_NO_SSL_SUPPORT') throw error;
  }
  const left = Math.max(1, end - performance.now());
  return { connection: await logIn(endpoint, fallback, left), options: fallback };
}

/**
 * mysql2 connection options for a library that connects by itself, such as zongji. For `preferred` a probing
 * connection finds out whether the server offers TLS; the other modes connect nowhere.
 * Rejects like `openMysqlConnection`.
 */
export async function resolveConnectionOptions(
  endpoint: MysqlEndpoint,
  deadline: number,
  program = 'unstale',
): Promise<ConnectionOptions> {
  const candidates = connectionCandidates(endpoint, program);
  if (candidates.length === 1) return candidates[0];
  const { connection, options } = await openMysqlConnection(endpoint, candidates, deadline);
  await connection.end();
  return options;
}

/** The driver knows bytes only as a Buffer. */
function forDriver(value: SqlParameter): string | number | Buffer | null {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

async function logIn(
  endpoint: MysqlEndpoint,
  options: ConnectionOptions,
  deadline: number,
): Promise<MysqlConnection> {
  // Kept here, because mysql2's destroy() only half-closes, which a frozen server never answers.
  const socket = openSocket(endpoint);
  const connection = createConnection({ ...options, connectTimeout: 0, stream: socket });
  let lost = false;
  let onLost = (): void => undefined;
  const lose = (): void => {
    if (lost) return;
    lost = true;
    onLost();
  };
  const loggedIn = new Promise<void>((resolve, reject) => {
    connection.once('connect', () => resolve());
    connection.once('end', lose);
    connection.on('error', (error: unknown) => {
      lose();
      reject(error);
    });
  });
  const bounded = <T>(work: Promise<T>, ms: number): Promise<T> =>
    withDeadline(
      work,
      ms,
      () =>
        new UnstaleError(
          'UNSTALE_MYSQL_UNREACHABLE',
          `${formatEndpoint(endpoint)}: no answer within ${Math.round(ms)} ms`,
        ),
    );
  const destroy = (): void => {
    lose();
    // The error reaches mysql2, which then rejects the statements under way; its destroy() forgets them.
    socket.destroy(
      Object.assign(new Error('the connection was closed'), { code: 'PROTOCOL_CONNECTION_LOST' }),
    );
  };
  try {
    await bounded(loggedIn, deadline);
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    isLost: () => lost || socket.destroyed,
    onLost: (listener) => {
      onLost = listener;
    },
    write: (sql, params, ms) =>
      bounded(
        new Promise((resolve, reject) => {
          connection.query<ResultSetHeader>(sql, params.map(forDriver), (error, result) => {
            if (error === null) resolve(result.affectedRows);
            else reject(error);
          });
        }),
        ms,
      ),
    run: (sql, params, ms) =>
      bounded(
        new Promise((resolve, reject) => {
          connection.query<RowDataPacket[]>(sql, params.map(forDriver), (error, rows) => {
            if (error === null) resolve(Array.isArray(rows) ? rows : []);
            else reject(error);
          });
        }),
        ms,
      ),
    ping: (ms) =>
      bounded(
        new Promise((resolve, reject) => {
          connection.ping((error) => {
            if (error === null || error === undefined) resolve();
            else reject(error);
          });
        }),
        ms,
      ),
    end: async () => {
      lost = true;
      if (socket.destroyed) return;
      const closed = new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
      });
      connection.end();
      await Promise.race([closed, sleep(END_TIMEOUT)]);
      socket.destroy();
    },
    destroy,
  };
}
