import { lookup } from 'node:dns/promises';

import { createSentinelClient } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';

/** Where sentinels announce failovers. */
export const CHANNEL = '+switch-master';

/** Whom a sentinel calls the master, which may be a hostname, and where that leads. */
export interface AnnouncedMaster {
  readonly name: string;
  /** `address:port`; none when the name is not known here. */
  readonly addresses: readonly string[];
}

/** A sentinel that cannot be talked to. */
export interface SentinelFailure {
  readonly sentinel: string;
  readonly error: Error;
}

export interface SentinelWatch {
  /** Some sentinel to which there is no connection, and why. */
  failure(): SentinelFailure | undefined;
  stop(): void;
}

/**
 * Tells of every failover that a sentinel announces, once for each sentinel. A master that hangs keeps its connections,
 * so that nothing else would show the failover soon.
 */
export function watchSentinels(
  options: RedisConnectionOptions,
  onFailover: (master: AnnouncedMaster) => void,
): SentinelWatch {
  const { sentinel } = options;
  const failures = new Map<string, Error>();
  const announce = async (host: string, port: string): Promise<void> => {
    const addresses = (await addressesOf(host)).map((address) => `${address}:${port}`);
    onFailover({ name: `${host}:${port}`, addresses });
  };
  const clients = (sentinel?.nodes ?? []).map((node) => {
    const address = `${node.host}:${node.port}`;
    const client = createSentinelClient(options, { ...sentinel, ...node });
    // Nobody is told of it: it matters when the connection to the master needs a sentinel.
    client.on('error', (error) => failures.set(address, error));
    client.on('ready', () => {
      failures.delete(address);
      // Anew in each session: a command that waits for one is given up when that takes long.
      client.subscribe(CHANNEL).catch(() => undefined);
    });
    client.on('message', (_, message: string) => {
      const [name, , , host = '', port = ''] = message.split(' ');
      if (name === sentinel?.name) void announce(host, port);
    });
    return client;
  });
  return {
    failure() {
      const [first] = failures;
      return first === undefined ? undefined : { sentinel: first[0], error: first[1] };
    },
    stop() {
      for (const client of clients) client.disconnect();
    },
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return lookup(host, { all: true }).then(
    (found) => found.map(({ address }) => address),
    () => [],
  );
}
