import { setTimeout as delay } from 'node:timers/promises';

import { UnstaleError } from '../errors/unstale-error.ts';
import { keySlot } from '../protocol/slot.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import type { PublishOptions } from './publisher.ts';
import { classifyRedisError } from './replies.ts';
import type { WriteProbeResult, WriteSample } from './write-probe.ts';

/** Slots may move between looking them up and asking. */
const ATTEMPTS = 3;
const PAUSE = 200;

/** Asks each master about the keys that are in its slots. @throws UnstaleError as a write would have failed. */
export async function probeCluster(
  topology: ClusterTopology,
  sample: WriteSample,
): Promise<WriteProbeResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const results = await Promise.all(
        [...byNode(topology, sample)].map(async ([{ connection }, part]) => {
          // The right to it is needed no sooner than when slots move; for the PING it means nothing.
          const [reply] = await connection.sendAll([{ args: ['PING'], asking: true }], 'read');
          if (reply?.error !== undefined) throw classifyRedisError(reply.error);
          return connection.probe(part);
        }),
      );
      return results.includes('unknown') ? 'unknown' : 'permitted';
    } catch (error) {
      if (!isRedirection(error)) throw error;
      if (attempt === ATTEMPTS)
        throw new UnstaleError('UNSTALE_REDIS_BUSY', 'slots of the Redis cluster are on their way');
      await delay(PAUSE);
      await topology.refresh();
    }
  }
}

function byNode(topology: ClusterTopology, sample: WriteSample): ReadonlyMap<ClusterNode, WriteSample> {
  const parts = new Map<ClusterNode, WriteSample>();
  const add = (key: string, more: (part: WriteSample) => Partial<WriteSample>): void => {
    const node = topology.ownerOf(keySlot(key));
    const part = parts.get(node) ?? NOTHING;
    parts.set(node, { ...part, ...more(part) });
  };
  for (const list of ['deletes', 'scripts', 'values', 'generations', 'sets'] as const)
    for (const key of sample[list]) add(key, (part) => ({ [list]: [...part[list], key] }));
  const { channel, stream, ...limits } = sample.publish ?? {};
  const publishes = (more: PublishOptions) => (part: WriteSample) => ({
    publish: { ...limits, ...part.publish, ...more },
  });
  // A channel is on all nodes; the name serves as well as any to choose one.
  if (channel !== undefined) add(channel, publishes({ channel }));
  if (stream !== undefined) add(stream, publishes({ stream }));
  return parts;
}

const NOTHING: WriteSample = {
  deletes: [],
  scripts: [],
  values: [],
  generations: [],
  sets: [],
  publish: undefined,
};

function isRedirection(error: unknown): boolean {
  return error instanceof UnstaleError && /: (?:MOVED|ASK) \d/.test(error.message);
}
