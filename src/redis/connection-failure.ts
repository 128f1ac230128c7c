import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { RedisConnectionOptions } from './client.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import type { SentinelFailure } from './sentinel-watch.ts';

/** What is known of the sentinels when they led to no master. */
export interface SentinelProblems {
  /** What ioredis said of the last one that it asked. */
  readonly last: string;
  readonly failure: SentinelFailure | undefined;
}

/** Why there is no connection. Nothing of it is about a command, so nothing of it may poison one. */
export function connectionFailure(
  error: unknown,
  options: RedisConnectionOptions,
  sentinels?: SentinelProblems,
): UnstaleError {
  if (sentinels !== undefined && isNoMaster(error)) return noMaster(options, sentinels);
  if (options.tls !== undefined && isOfTls(error)) {
    return new UnstaleError('UNSTALE_REDIS_TLS', `no encrypted connection to Redis: ${reasonOf(error)}`);
  }
  const classified = classifyRedisError(error);
  if (classified.policy.directive !== 'poisoned') return classified;
  if (isErrorReply(error) && commandName(error) === 'select') {
    return new UnstaleError('UNSTALE_CONFIG_INVALID', `redis database ${options.db}: ${classified.message}`);
  }
  return new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `the handshake with Redis failed: ${reasonOf(error)}`);
}

/** Replies of sentinels that no waiting changes. */
const REFUSALS = [
  [/\b(?:WRONGPASS|NOAUTH)\b/, 'UNSTALE_REDIS_AUTH'],
  [/\bNOPERM\b/, 'UNSTALE_REDIS_PERMISSION'],
] as const;

const UNKNOWN_NAME = /invalid reply|No such master/;

function isNoMaster(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('All sentinels are unreachable');
}

function noMaster(
  { sentinel, tls }: RedisConnectionOptions,
  { last, failure }: SentinelProblems,
): UnstaleError {
  const found = (code: ErrorCode, reason: string): UnstaleError =>
    new UnstaleError(code, `no sentinel names a master ${sentinel?.name}: ${reason}`);
  const refusal = REFUSALS.find(([pattern]) => pattern.test(last));
  if (refusal !== undefined) return found(refusal[1], last);
  if (UNKNOWN_NAME.test(last)) return found('UNSTALE_REDIS_UNREACHABLE', 'they know no such name');
  // Of a connection that was not made ioredis says no more than that it is closed.
  if (failure === undefined) return found('UNSTALE_REDIS_UNREACHABLE', last);
  const code =
    tls !== undefined && isOfTls(failure.error) ? 'UNSTALE_REDIS_TLS' : 'UNSTALE_REDIS_UNREACHABLE';
  return found(code, `no connection to sentinel ${failure.sentinel}: ${failure.error.message}`);
}

/** Node's names for what it finds in certificates, e.g. CERT_HAS_EXPIRED, and OpenSSL's for the protocol. */
function isOfTls(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return /^(?:ERR_(?:TLS|SSL|OSSL)_|EPROTO$)|CERT|SIGNATURE|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)/.test(
    error.code,
  );
}

/** The TLS library and the parser explain themselves best; a reply is quoted as `classifyRedisError` does. */
function reasonOf(error: unknown): string {
  return error instanceof Error && !isErrorReply(error) ? error.message : classifyRedisError(error).message;
}

function commandName(error: unknown): unknown {
  if (!(error instanceof Error) || !('command' in error)) return undefined;
  const { command } = error;
  return typeof command === 'object' && command !== null && 'name' in command ? command.name : undefined;
}
