import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/** read_only, super_read_only, read-only mode. */
const READ_ONLY_ERRNOS: ReadonlySet<number> = new Set([1290, 1836]);
/** Lock wait timeout and deadlock. */
const BUSY_ERRNOS: ReadonlySet<number> = new Set([1205, 1213]);
/** Unknown database, table or column. */
const SCHEMA_ERRNOS: ReadonlySet<number> = new Set([1049, 1054, 1146]);

/**
 * An error of the SQL client in terms of the state tables: UNSTALE_STATE_UNAVAILABLE, _DENIED, _READ_ONLY or
 * _SCHEMA. Other errors stay what they are.
 */
export function asStateError(thrown: unknown, database: string): unknown {
  if (!(thrown instanceof UnstaleError)) return thrown;
  const code = stateCode(thrown);
  if (code === undefined) return thrown;
  return new UnstaleError(code, `state database ${database}: ${thrown.message}`, { cause: thrown });
}

/** Whether the account may not do it. */
export function isDenied(thrown: unknown): boolean {
  return thrown instanceof UnstaleError && stateCode(thrown) === 'UNSTALE_STATE_DENIED';
}

/** Whether database or table do not exist. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof UnstaleError && stateCode(thrown) === 'UNSTALE_STATE_SCHEMA';
}

function stateCode(error: UnstaleError): ErrorCode | undefined {
  const errno = serverErrno(error);
  if (errno !== undefined && READ_ONLY_ERRNOS.has(errno)) return 'UNSTALE_STATE_READ_ONLY';
  if (errno !== undefined && BUSY_ERRNOS.has(errno)) return 'UNSTALE_STATE_UNAVAILABLE';
  if (errno !== undefined && SCHEMA_ERRNOS.has(errno)) return 'UNSTALE_STATE_SCHEMA';
  switch (error.code) {
    case 'UNSTALE_MYSQL_UNREACHABLE':
      return 'UNSTALE_STATE_UNAVAILABLE';
    case 'UNSTALE_MYSQL_ACCESS_DENIED':
    case 'UNSTALE_PRIVILEGE_MISSING':
      return 'UNSTALE_STATE_DENIED';
    default:
      return undefined;
  }
}

/** The server's error number, which the SQL client keeps in the cause. */
function serverErrno({ cause }: UnstaleError): number | undefined {
  return cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number'
    ? cause.errno
    : undefined;
}
