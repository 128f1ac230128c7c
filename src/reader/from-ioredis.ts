import type { CacheClient } from './cache-client.ts';
import { ReaderError } from './errors.ts';

type Argument = string | Buffer;

/** What is used of a `Redis` or `Cluster` of ioredis. */
export interface IoredisClient {
  readonly isCluster: boolean;
  readonly options: object;
  get(key: string): Promise<string | null>;
  getBuffer(key: string): Promise<Buffer | null>;
  mget(keys: string[]): Promise<(string | null)[]>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
}

/**
 * Makes the kit's client of one of ioredis, standalone, sentinel or cluster. The connection stays the application's.
 * @throws ReaderError UNSTALE_READER_OPTIONS for a client that changes keys, or that reads Redis' replicas
 */
export function fromIoredis(client: IoredisClient): CacheClient {
  refuseUnsafe(client.options);
  const { isCluster } = client;
  const evaluate = (
    command: string,
    script: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> => client.callBuffer(command, [script, String(keys.length), ...keys, ...args]);

  const many = async <T>(
    keys: readonly string[],
    one: (key: string) => Promise<T | null>,
    all: (keys: string[]) => Promise<(T | null)[]>,
  ): Promise<(T | null)[]> => {
    if (keys.length === 0) return [];
    // A cluster takes only keys of one slot in one command; single ones go out together all the same.
    return isCluster ? Promise.all(keys.map((key) => orNull(one(key)))) : all([...keys]);
  };

  return {
    isCluster,
    get: (key) => client.get(key),
    getBytes: (key) => client.getBuffer(key),
    getMany: (keys) =>
      many(
        keys,
        (key) => client.get(key),
        (all) => client.mget(all),
      ),
    getManyBytes: (keys) =>
      many(
        keys,
        (key) => client.getBuffer(key),
        (all) => client.mgetBuffer(all),
      ),
    evalsha: (sha1, keys, args) => evaluate('evalsha', sha1, keys, args),
    eval: (source, keys, args) => evaluate('eval', source, keys, args),
  };
}

/** As MGET does it: what is no string reads as nothing. */
async function orNull<T>(reply: Promise<T>): Promise<T | null> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
    throw error;
  }
}

function refuseUnsafe(options: object): void {
  const all = { ...('redisOptions' in options ? (options.redisOptions as object) : {}), ...options };
  if ('keyPrefix' in all && all.keyPrefix !== undefined && all.keyPrefix !== '')
    throw new ReaderError(
      'UNSTALE_READER_OPTIONS',
      'the client has a keyPrefix: it would give the companions of keys other names than the daemon does; put the prefix in the keys',
    );
  if ('scaleReads' in all && all.scaleReads !== undefined && all.scaleReads !== 'master')
    throw new ReaderError(
      'UNSTALE_READER_OPTIONS',
      "the client's scaleReads is not 'master': a replica of Redis still has what the primary has deleted",
    );
}
