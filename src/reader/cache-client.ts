import type { ScriptCall } from '../protocol/script.ts';

/**
 * What the kit asks of a Redis client. Every method sends its command at once; the kit itself limits how long it
 * waits. `fromIoredis` and `fromNodeRedis` make one of a client that the application has.
 */
export interface CacheClient {
  /** Whether keys have to be of one slot to be in one command. */
  readonly isCluster: boolean;
  get(key: string): Promise<string | null>;
  getBytes(key: string): Promise<Buffer | null>;
  /** In the order of the keys; null also for a key that holds something else than a string. */
  getMany(keys: readonly string[]): Promise<readonly (string | null)[]>;
  getManyBytes(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;
  /** Texts of the reply have to be buffers. */
  evalsha(sha1: string, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown>;
  eval(source: string, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown>;
}

/**
 * Runs a script by its hash, and sends its text only where Redis does not know it.
 * @throws what the client throws, and TypeError for a reply that the script cannot give
 */
export async function runScript<Reply>(client: CacheClient, call: ScriptCall<Reply>): Promise<Reply> {
  const { script, keys, args, read } = call;
  try {
    return read(await client.evalsha(script.sha1, keys, args));
  } catch (error) {
    // Redis tells the kinds of its errors apart by their first word.
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return read(await client.eval(script.source, keys, args));
  }
}
