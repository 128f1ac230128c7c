import { UnstaleError } from '../errors/unstale-error.ts';
import { createSentinelClient, SENTINEL_PATIENCE } from './client.ts';
import type { RedisConnectionOptions, SentinelOptions } from './client.ts';
import { lackOf, missingRight } from './missing-rights.ts';
import type { SampleCommand } from './missing-rights.ts';
import { classifyRedisError } from './replies.ts';
import { CHANNEL } from './sentinel-watch.ts';

/**
 * Asks every sentinel that answers what the daemon will ask it. One that refuses is not missed until the others are away,
 * or until the master hangs and nobody tells of the next one.
 * @throws UnstaleError of the first that does not know the user, or lacks it a right
 */
export async function probeSentinels(options: RedisConnectionOptions): Promise<void> {
  const { sentinel } = options;
  if (sentinel === undefined) return;
  await Promise.all(sentinel.nodes.map(async (node) => probeSentinel(options, sentinel, node)));
}

async function probeSentinel(
  options: RedisConnectionOptions,
  sentinel: SentinelOptions,
  node: SentinelOptions['nodes'][number],
): Promise<void> {
  const commands: readonly SampleCommand[] = [
    { args: ['SENTINEL', 'get-master-addr-by-name', sentinel.name] },
    { args: ['SUBSCRIBE', CHANNEL], place: `&${CHANNEL}` },
  ];
  const commandTimeout = Math.min(options.commandTimeout, SENTINEL_PATIENCE);
  const client = createSentinelClient(
    options,
    { ...sentinel, ...node },
    { lazyConnect: true, retryStrategy: null, commandTimeout },
  );
  let failure: unknown;
  client.on('error', (error) => (failure ??= error));
  const missing: string[] = [];
  try {
    await client.connect();
    if (failure !== undefined) throw failure;
    for (const command of commands) {
      const {
        args: [name, ...args],
      } = command;
      await client.call(name, ...args).catch((error: unknown) => {
        const right = error instanceof Error ? missingRight(command, error) : undefined;
        if (right === undefined) throw error;
        missing.push(right);
      });
    }
    if (missing.length > 0) throw lackOf(missing);
  } catch (error) {
    const { code, message, policy } = classifyRedisError(failure ?? error);
    // Whatever may pass is the business of the connection to the master.
    if (policy.directive === 'fatal')
      throw new UnstaleError(code, `sentinel ${node.host}:${node.port}: ${message}`);
  } finally {
    client.disconnect();
  }
}
