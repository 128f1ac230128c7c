import { Buffer } from 'node:buffer';
import type { CacheClient } from './cache-client.ts';
import { ReaderError } from './errors.ts';

type Argument = string | Buffer;

/** What is used of `createClient()` of node-redis. */
export interface NodeRedisClient {
  readonly options?: object | undefined;
  sendCommand(args: Argument[], options?: object): Promise<unknown>;
}

/** What is used of `createCluster()` of node-redis. */
export interface NodeRedisCluster {
  readonly masters: readonly unknown[];
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: Argument[],
    options?: object,
  ): Promise<unknown>;
}

/** `$`, as which bulk strings arrive (RESP_TYPES.BLOB_STRING). */
const BLOB_STRING = 36;

/** How version 4, and how later ones, are told to give texts as buffers; each takes no notice of the other's. */
const AS_BUFFERS = { returnBuffers: true, typeMapping: { [BLOB_STRING]: Buffer } };
/** Not left out: the client may have been told to map replies otherwise. */
const AS_STRINGS = { returnBuffers: false, typeMapping: {} };

/**
 * Makes the kit's client of one of node-redis, standalone or cluster. The connection stays the application's.
 * @throws ReaderError UNSTALE_READER_OPTIONS for a client that changes keys, or that reads Redis' replicas
 */
export function fromNodeRedis(client: NodeRedisClient | NodeRedisCluster): CacheClient {
  refuseUnsafe(client);
  const isCluster = 'masters' in client;
  const send = (key: string, args: Argument[], options: object): Promise<unknown> =>
    // Not read-only: a replica of Redis still has what the primary has deleted.
    'masters' in client ? client.sendCommand(key, false, args, options) : client.sendCommand(args, options);

  const get = async <T>(key: string, options: object): Promise<T | null> =>
    (await send(key, ['GET', key], options)) as T | null;
  const getMany = async <T>(keys: readonly string[], options: object): Promise<(T | null)[]> => {
    const [first] = keys;
    if (first === undefined) return [];
    // A cluster takes only keys of one slot in one command; MGET reads what is no string as nothing.
    if (!isCluster) return (await send(first, ['MGET', ...keys], options)) as (T | null)[];
    const replies = await Promise.all(keys.map((key) => send(key, ['MGET', key], options)));
    return replies.map((reply) => (reply as (T | null)[])[0] ?? null);
  };
  const evaluate = (
    command: string,
    script: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> =>
    send(keys[0] ?? '', [command, script, String(keys.length), ...keys, ...args], AS_BUFFERS);

  return {
    isCluster,
    get: (key) => get<string>(key, AS_STRINGS),
    getBytes: (key) => get<Buffer>(key, AS_BUFFERS),
    getMany: (keys) => getMany<string>(keys, AS_STRINGS),
    getManyBytes: (keys) => getMany<Buffer>(keys, AS_BUFFERS),
    evalsha: (sha1, keys, args) => evaluate('EVALSHA', sha1, keys, args),
    eval: (source, keys, args) => evaluate('EVAL', source, keys, args),
  };
}

function refuseUnsafe(client: NodeRedisClient | NodeRedisCluster): void {
  // A cluster tells its prefix only here.
  if ('_keyPrefix' in client && client._keyPrefix !== undefined)
    throw new ReaderError(
      'UNSTALE_READER_OPTIONS',
      'the client has a keyPrefix, which it does not put before the keys of the kit, nor would the daemon; put the prefix in the keys',
    );
  const options = ('options' in client ? client.options : undefined) ?? {};
  if ('readonly' in options && options.readonly === true)
    throw new ReaderError(
      'UNSTALE_READER_OPTIONS',
      "the client's readonly is true: a replica of Redis still has what the primary has deleted",
    );
}
