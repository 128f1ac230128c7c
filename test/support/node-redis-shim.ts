import type { Cluster, Redis } from 'ioredis';

import type { NodeRedisClient, NodeRedisCluster } from '../../src/reader/index.ts';

type Argument = string | Buffer;

interface SendOptions {
  readonly returnBuffers?: boolean;
  readonly typeMapping?: Readonly<Record<number, unknown>>;
}

/** Where node-redis looks for the type of bulk strings. */
const BLOB_STRING = 36;

/** The surface of node-redis over a real connection of ioredis: version 4 and 5 differ in how they give buffers. */
export function nodeRedisShim(client: Redis, version: 4 | 5): NodeRedisClient {
  return { sendCommand: (args, options = {}) => send(client, version, args, options) };
}

/** The same of a cluster, which is told the key by which to find the node. */
export function nodeRedisClusterShim(client: Cluster, version: 4 | 5): NodeRedisCluster {
  return {
    masters: [],
    sendCommand: (firstKey, isReadonly, args, options = {}) => {
      if (firstKey === undefined || isReadonly !== false) throw new Error('not a command to a primary');
      return send(client, version, args, options);
    },
  };
}

async function send(
  client: Redis | Cluster,
  version: 4 | 5,
  [command = '', ...args]: Argument[],
  { returnBuffers, typeMapping }: SendOptions,
): Promise<unknown> {
  const isBytes = version === 4 ? returnBuffers === true : typeMapping?.[BLOB_STRING] === Buffer;
  const name = command.toString();
  return isBytes ? client.callBuffer(name, args) : client.call(name, args);
}
