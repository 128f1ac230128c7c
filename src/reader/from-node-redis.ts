import { Buffer } from 'node:buffer';
import type { CacheClient } from './cache-client.ts';

type Argument = string | Buffer;

/** What is used of `createClient()` of node-redis 4 and 5. */
export interface NodeRedisClient {
  sendCommand(args: Argument[], options?: object): Promise<unknown>;
}

/** What is used of `createCluster()` of node-redis 4 and 5. */
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

/** How version 4, and how version 5, is told to give texts as buffers; each takes no notice of the other's. */
const AS_BUFFERS = { returnBuffers: true, typeMapping: { [BLOB_STRING]: Buffer } };
const AS_STRINGS = {};

/** Makes the kit's client of one of node-redis. The connection stays the application's. */
export function fromNodeRedis(client: NodeRedisClient | NodeRedisCluster): CacheClient {
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
