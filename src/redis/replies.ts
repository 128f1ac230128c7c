import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/** Error replies by their first word, as redis-server and valkey-server spell it. */
const CODE_BY_PREFIX: ReadonlyMap<string, ErrorCode> = new Map([
  ['LOADING', 'UNSTALE_REDIS_BUSY'],
  ['BUSY', 'UNSTALE_REDIS_BUSY'],
  ['TRYAGAIN', 'UNSTALE_REDIS_BUSY'],
  ['CLUSTERDOWN', 'UNSTALE_REDIS_BUSY'],
  ['MASTERDOWN', 'UNSTALE_REDIS_BUSY'],
  ['READONLY', 'UNSTALE_REDIS_READONLY'],
  // Of a WAIT on a master that was made a replica.
  ['UNBLOCKED', 'UNSTALE_REDIS_READONLY'],
  ['OOM', 'UNSTALE_REDIS_REFUSES_WRITES'],
  ['MISCONF', 'UNSTALE_REDIS_REFUSES_WRITES'],
  ['NOREPLICAS', 'UNSTALE_REDIS_REFUSES_WRITES'],
  ['NOAUTH', 'UNSTALE_REDIS_AUTH'],
  ['WRONGPASS', 'UNSTALE_REDIS_AUTH'],
  ['NOPERM', 'UNSTALE_REDIS_PERMISSION'],
  // Protected mode: the server talks only to its own machine.
  ['DENIED', 'UNSTALE_REDIS_PERMISSION'],
]);

/** Said by nodes of a cluster; a connection to a cluster goes after them, and nobody else expects them. */
const ELSEWHERE: ReadonlySet<string> = new Set(['MOVED', 'ASK', 'CROSSSLOT']);

/** What has no word of its own: how the text behind `ERR` begins. */
const CODE_BY_ERR_TEXT: readonly (readonly [string, ErrorCode])[] = [
  ['ERR AUTH ', 'UNSTALE_REDIS_AUTH'],
  ['ERR invalid password', 'UNSTALE_REDIS_AUTH'],
  ['ERR max number of clients', 'UNSTALE_REDIS_BUSY'],
  ['ERR WAIT cannot be used with replica', 'UNSTALE_REDIS_READONLY'],
];

/** ioredis throws these as plain errors without a code; the texts are those of ioredis 6. */
const CODE_BY_CLIENT_TEXT: readonly (readonly [string, ErrorCode])[] = [
  ['Command timed out', 'UNSTALE_REDIS_TIMEOUT'],
  ['Socket timeout.', 'UNSTALE_REDIS_UNREACHABLE'],
  ['Connection is closed.', 'UNSTALE_REDIS_UNREACHABLE'],
  ["Stream isn't writeable", 'UNSTALE_REDIS_UNREACHABLE'],
];

/** ioredis gave the command up because its connection went: whether Redis executed it is unknown. */
const ABORT_NAMES: ReadonlySet<string> = new Set([
  'AbortError',
  'InterruptError',
  'MaxRetriesPerRequestError',
]);

/** System errors of a socket or of the name lookup, e.g. ECONNREFUSED, ENOTFOUND, EAI_AGAIN. */
const SYSTEM_ERROR = /^E[A-Z0-9]+(?:_[A-Z0-9]+)?$/;

/** What EXEC puts in front of the reason for which it was refused itself. */
const EXEC_REFUSED = 'EXECABORT Transaction discarded because of: ';

/** What Redis 6 puts in front of the reply that a command inside a script got. */
const OF_SCRIPT = /^ERR Error running script .*: -?(?=[A-Z]{3,} )/;

/** Redis' own limit for the arguments that it quotes in an error is 128 bytes. */
const MAX_TEXT = 200;

/**
 * What an error of Redis, of ioredis or of the socket means for the daemon: the code's policy says whether to
 * retry, to stop, or to hold the batch for good. An UnstaleError is returned as it is.
 *
 * The original error is not kept as the cause: ioredis hangs the command with all its keys on it.
 */
export function classifyRedisError(error: unknown): UnstaleError {
  if (error instanceof UnstaleError) return error;
  if (!(error instanceof Error)) return unexpected(String(error));
  if (error.name === 'ReplyError') return ofReply(error.message);
  if (ABORT_NAMES.has(error.name)) {
    return unreachable('the connection to Redis was lost before the reply');
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && SYSTEM_ERROR.test(code)) {
    // An address with several IPs fails with an AggregateError, whose message is empty.
    return unreachable(`no connection to Redis: ${error.message || code}`);
  }
  const known = CODE_BY_CLIENT_TEXT.find(([text]) => error.message.startsWith(text));
  if (known?.[1] === 'UNSTALE_REDIS_TIMEOUT') {
    return new UnstaleError('UNSTALE_REDIS_TIMEOUT', 'Redis did not reply in time');
  }
  if (known !== undefined) return unreachable(`no connection to Redis: ${known[0].replace(/\.$/, '')}`);
  return unexpected(error.message);
}

/**
 * The value of the label `class` of `unstale_redis_replies_total`: `ok`, or the code without its prefix in
 * lower case, e.g. `refuses_writes`.
 */
export function replyClass(error: unknown): string {
  const { code } = classifyRedisError(error);
  return code.startsWith('UNSTALE_REDIS_') ? code.slice('UNSTALE_REDIS_'.length).toLowerCase() : 'other';
}

/** Whether Redis itself answered with an error, in contrast to errors of the connection. */
export function isErrorReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

function ofReply(message: string): UnstaleError {
  const text = withoutArguments(
    message.startsWith(EXEC_REFUSED) ? message.slice(EXEC_REFUSED.length) : message,
  );
  const prefix = /^[A-Z]+/.exec(text.replace(OF_SCRIPT, ''))?.[0] ?? '';
  if (ELSEWHERE.has(prefix)) {
    return new UnstaleError(
      'UNSTALE_CONFIG_INVALID',
      `Redis replied: ${text}: it is a node of a cluster, so write redis.cluster instead of redis.url`,
    );
  }
  const code =
    CODE_BY_PREFIX.get(prefix) ?? CODE_BY_ERR_TEXT.find(([beginning]) => text.startsWith(beginning))?.[1];
  return code === undefined ? unexpected(text) : new UnstaleError(code, `Redis replied: ${text}`);
}

/** "unknown command" quotes the arguments, which are keys and thereby row values. */
function withoutArguments(message: string): string {
  const text = message.split(/, with args beginning with|[\r\n]/, 1)[0] ?? '';
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function unreachable(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_REDIS_UNREACHABLE', message);
}

function unexpected(text: string): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_UNEXPECTED_REPLY',
    `unexpected from Redis: ${withoutArguments(text)}`,
  );
}
