import type { ClusterNode } from './cluster-nodes.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import type { Placement } from './connection.ts';
import { classifyRedisError } from './replies.ts';

/**
 * Which master has which slots, and which of them are on their way, as each master says of itself. Where the user may
 * not ask, only the slot map is known, and keys that move meanwhile are not noticed before their slot has moved.
 * @throws UnstaleError when a master does not answer.
 */
export async function placementOf(topology: ClusterTopology): Promise<Placement> {
  const lines = await Promise.all(topology.masters.map(ownSlots));
  return {
    signature: lines.toSorted().join('\n'),
    moving: lines.some((line) => line.includes('[')),
  };
}

/** The address and the slots of a master, e.g. `10.0.0.7:6379 0-5460 [42->-id]`. */
async function ownSlots({ connection, address }: ClusterNode): Promise<string> {
  const [reply] = await connection.sendAll([{ args: ['CLUSTER', 'NODES'] }], 'read');
  if (reply?.error !== undefined) {
    const problem = classifyRedisError(reply.error);
    if (problem.code === 'UNSTALE_REDIS_PERMISSION') return address;
    throw problem;
  }
  const text = Buffer.isBuffer(reply?.value) ? reply.value.toString() : '';
  const own = text.split('\n').find((line) => line.includes('myself')) ?? '';
  // In front of the slots: id, address, flags, master, ping, pong, epoch, state of the link.
  return [address, ...own.split(' ').slice(8)].join(' ');
}
