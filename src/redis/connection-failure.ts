import { UnstaleError } from '../errors/unstale-error.ts';
import type { RedisConnectionOptions } from './client.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import { noMaster } from './sentinel-watch.ts';

/** Why there is no connection. Nothing of it is about a command, so nothing of it may poison one. */
export function connectionFailure(
  error: unknown,
  options: RedisConnectionOptions,
  sentinelProblem?: string,
): UnstaleError {
  if (options.sentinel !== undefined && sentinelProblem !== undefined) {
    const problem = noMaster(options.sentinel.name, error, sentinelProblem);
    if (problem !== undefined) return problem;
  }
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
