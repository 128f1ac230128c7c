import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/** Server errors that another attempt may cure: the server is full, stopping, or ended the session. */
const TRANSIENT_ERRNOS: ReadonlySet<number> = new Set([
  1040, 1053, 1077, 1079, 1129, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1317, 1927, 1969, 3024, 3032, 3168,
  3169, 4031,
]);

/** Login refused: account, host, password, lock, or an authentication plugin that the client lacks. */
const ACCESS_ERRNOS: ReadonlySet<number> = new Set([
  1044, 1045, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3955, 4151,
]);

const PRIVILEGE_ERRNOS: ReadonlySet<number> = new Set([1142, 1143, 1227, 1370]);

/** require_secure_transport on a plain connection. */
const TLS_ERRNOS: ReadonlySet<number> = new Set([3159]);

/**
 * The server's error number behind `error`, looked for along the chain of causes. Undefined when no server
 * answered, as with network errors, whose own `errno` is negative.
 */
export function mysqlErrno(error: unknown): number | undefined {
  for (let link = error; link instanceof Error; link = link.cause) {
    if ('errno' in link && typeof link.errno === 'number' && link.errno > 0) return link.errno;
  }
  return undefined;
}

/**
 * Anything that mysql2 threw as an UnstaleError: UNSTALE_MYSQL_UNREACHABLE, _ACCESS_DENIED, _TLS,
 * UNSTALE_PRIVILEGE_MISSING, otherwise UNSTALE_MYSQL_QUERY_FAILED, or UNSTALE_INTERNAL for what neither the
 * server nor the network said. The cause keeps the server's number but not the statement, which may hold values.
 *
 * @param where what was talked to, e.g. `source 10.0.0.5:3306`
 */
export function classifyMysqlError(thrown: unknown, where: string): UnstaleError {
  if (thrown instanceof UnstaleError) return thrown;
  if (thrown instanceof Error) Reflect.deleteProperty(thrown, 'sql');
  return new UnstaleError(codeOf(thrown), `${where}: ${describe(thrown)}`, { cause: thrown });
}

function codeOf(thrown: unknown): ErrorCode {
  const errno = mysqlErrno(thrown);
  if (errno !== undefined) return codeOfErrno(errno);
  const code = clientCode(thrown);
  if (code === undefined) return hasFatalMark(thrown) ? 'UNSTALE_MYSQL_UNREACHABLE' : 'UNSTALE_INTERNAL';
  if (code === 'AUTH_SWITCH_PLUGIN_ERROR' || code === 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED') {
    return 'UNSTALE_MYSQL_ACCESS_DENIED';
  }
  if (isTlsCode(code) && !isDisconnect(thrown)) return 'UNSTALE_MYSQL_TLS';
  return code.startsWith('ERR_') && !isTlsCode(code) ? 'UNSTALE_INTERNAL' : 'UNSTALE_MYSQL_UNREACHABLE';
}

function codeOfErrno(errno: number): ErrorCode {
  if (TRANSIENT_ERRNOS.has(errno)) return 'UNSTALE_MYSQL_UNREACHABLE';
  if (ACCESS_ERRNOS.has(errno)) return 'UNSTALE_MYSQL_ACCESS_DENIED';
  if (PRIVILEGE_ERRNOS.has(errno)) return 'UNSTALE_PRIVILEGE_MISSING';
  if (TLS_ERRNOS.has(errno)) return 'UNSTALE_MYSQL_TLS';
  return 'UNSTALE_MYSQL_QUERY_FAILED';
}

function isTlsCode(code: string): boolean {
  return (
    code === 'HANDSHAKE_NO_SSL_SUPPORT' ||
    code === 'HANDSHAKE_SSL_ERROR' ||
    code.startsWith('ERR_OSSL') ||
    code.startsWith('ERR_SSL') ||
    code.startsWith('ERR_TLS')
  );
}

/**
 * Whether the connection broke during the TLS handshake. mysql2 gives every error of that phase the code
 * HANDSHAKE_SSL_ERROR; a broken connection still shows by the system call that failed, or by the local
 * address that Node notes on it, and has to be retried where a bad certificate has not.
 */
function isDisconnect(thrown: unknown): boolean {
  return thrown instanceof Error && ('syscall' in thrown || 'localAddress' in thrown);
}

/** mysql2's own code, e.g. HANDSHAKE_NO_SSL_SUPPORT, or Node's, e.g. ECONNREFUSED. */
export function clientCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined;
}

function hasFatalMark(thrown: unknown): boolean {
  return thrown instanceof Error && 'fatal' in thrown && thrown.fatal === true;
}

function describe(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.message === '') {
    return thrown.errors.map(describe).join('; ');
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}
