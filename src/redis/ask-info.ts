import type { Redis } from 'ioredis';

import { UnstaleError } from '../errors/unstale-error.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import { parseServerInfo } from './server-info.ts';
import type { RedisServerInfo } from './server-info.ts';

/**
 * What INFO says; undefined when the user may not ask.
 * @throws UnstaleError when there is no connection or no answer.
 */
export async function askInfo(client: Redis): Promise<RedisServerInfo | undefined> {
  try {
    return parseServerInfo(await client.info());
  } catch (error) {
    const problem = classifyRedisError(error);
    if (isErrorReply(error) && problem.code === 'UNSTALE_REDIS_PERMISSION') return undefined;
    throw problem;
  }
}

/** Whether commands can be sent there: to a master that has its data. @throws UnstaleError if not. */
export function requireMaster(info: RedisServerInfo | undefined, endpoint: string): void {
  if (info?.isLoading === true) {
    throw new UnstaleError('UNSTALE_REDIS_BUSY', `Redis ${endpoint} is loading its data`);
  }
  // It could be promoted a moment later, and would then take what was meant for the master before.
  if (info?.role === 'slave') {
    throw new UnstaleError('UNSTALE_REDIS_READONLY', `Redis ${endpoint} is a replica`);
  }
}
