import { UnstaleError } from '../errors/unstale-error.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import { classifyRedisError } from './replies.ts';
import type { WriteSample } from './sample-commands.ts';
import type { WriteProbeResult } from './write-probe.ts';

/**
 * Asks each master about all keys, also those of others: slots move, and every node has users of its own.
 * @throws UnstaleError as a write would have failed
 */
export async function probeCluster(
  { masters, failure }: ClusterTopology,
  sample: WriteSample,
): Promise<WriteProbeResult> {
  if (masters.length === 0) throw failure;
  const results = await Promise.all(masters.map(async (node) => probeNode(node, sample)));
  return results.includes('unknown') ? 'unknown' : 'permitted';
}

async function probeNode(
  { address, connection }: ClusterNode,
  sample: WriteSample,
): Promise<WriteProbeResult> {
  try {
    // Both are needed no sooner than when slots move. For the PING it means nothing that it is asked for there.
    const moving = [{ args: ['PING'], asking: true }, { args: ['CLUSTER', 'NODES'] }] as const;
    for (const { error } of await connection.sendAll(moving, 'read')) if (error !== undefined) throw error;
    return await connection.probe(sample);
  } catch (error) {
    const { code, message } = classifyRedisError(error);
    throw new UnstaleError(code, `node ${address} of the cluster: ${message}`);
  }
}
