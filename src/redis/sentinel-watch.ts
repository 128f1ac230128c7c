import { UnstaleError } from '../errors/unstale-error.ts';
import { createSentinelClient } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';

const CHANNEL = '+switch-master';

/**
 * Tells of every failover that a sentinel announces, with the new master's `host:port`, once for each sentinel. A
 * master that hangs keeps its connections, so that nothing else would show the failover soon. Returns how to end it.
 */
export function watchSentinels(
  options: RedisConnectionOptions,
  onFailover: (master: string) => void,
): () => void {
  const { sentinel } = options;
  if (sentinel === undefined) return () => undefined;
  const clients = sentinel.nodes.map((node) => {
    const client = createSentinelClient(options, sentinel, node);
    // The connection to the master says what is wrong with sentinels, when it needs one.
    client.on('error', () => undefined);
    client.on('message', (_, message: string) => {
      const [name, , , host, port] = message.split(' ');
      const master = `${host}:${port}`;
      if (name !== sentinel.name) return;
      onFailover(master);
    });
    client.subscribe(CHANNEL).catch(() => undefined);
    return client;
  });
  return () => {
    for (const client of clients) client.disconnect();
  };
}

/** Replies of sentinels that no waiting changes. */
const REFUSALS = [
  [/\b(?:WRONGPASS|NOAUTH)\b/, 'UNSTALE_REDIS_AUTH'],
  [/\bNOPERM\b/, 'UNSTALE_REDIS_PERMISSION'],
] as const;

const UNKNOWN_NAME = /invalid reply|No such master/;

/** Why the sentinels led to no master; undefined if `error` is about something else. */
export function noMaster(name: string, error: unknown, lastSentinel: string): UnstaleError | undefined {
  if (!(error instanceof Error) || !error.message.startsWith('All sentinels are unreachable'))
    return undefined;
  const refusal = REFUSALS.find(([pattern]) => pattern.test(lastSentinel));
  const reason = UNKNOWN_NAME.test(lastSentinel) ? 'they know no such name' : lastSentinel;
  return new UnstaleError(
    refusal?.[1] ?? 'UNSTALE_REDIS_UNREACHABLE',
    `no sentinel names a master ${name}: ${reason}`,
  );
}
