import type { ClusterNode } from './cluster-nodes.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import type { NodeSlots } from './connection.ts';
import { classifyRedisError } from './replies.ts';
import type { NodePlace } from './slot-map.ts';

/** How long a node that slots are moving to may take to connect, ms. */
const NEW_NODE = 1_000;

/**
 * The slots of a master, as it says itself: nobody else can know better. Nodes that slots are moving to become known by
 * the way; they may hold keys before they serve any slot. Where the user may not ask, nothing seems to move.
 * @throws UnstaleError when the master does not answer.
 */
export async function slotsOf(
  topology: ClusterTopology,
  { connection, place }: ClusterNode,
): Promise<NodeSlots> {
  const [reply] = await connection.sendAll([{ args: ['CLUSTER', 'NODES'] }], 'read');
  if (reply?.error !== undefined) {
    const problem = classifyRedisError(reply.error);
    if (problem.code === 'UNSTALE_REDIS_PERMISSION') return { serves: new Set(), moving: false };
    throw problem;
  }
  const text = Buffer.isBuffer(reply?.value) ? reply.value.toString() : '';
  const { receivers, ...slots } = readSlots(text, place.host);
  for (const receiver of receivers) {
    const node = topology.receives(receiver);
    if (node.connection.sessions() === 0) await node.connection.checkReady(NEW_NODE).catch(() => undefined);
  }
  return slots;
}

/**
 * Reads the reply of CLUSTER NODES.
 * @param askedHost as CLUSTER SLOTS calls the node that replies
 */
export function readSlots(text: string, askedHost: string): NodeSlots & { readonly receivers: NodePlace[] } {
  const endpoints = new Map<string, Endpoint>();
  const serves = new Set<number>();
  const receivers: string[] = [];
  let moving = false;
  let myself: Endpoint = { address: '', hostname: '', port: 0 };
  for (const line of text.split('\n')) {
    // Id, host:port@bus,name, flags, master, ping, pong, epoch, state of the link, slots.
    const [id = '', text = '', flags = '', , , , , , ...ranges] = line.split(' ');
    const [, address = '', port, hostname = ''] = /^(.*):(\d+)(?:@\d+(?:,([^,]*))?|$)/.exec(text) ?? [];
    const endpoint = { address, hostname, port: Number(port) };
    endpoints.set(id, endpoint);
    if (!flags.includes('myself')) continue;
    myself = endpoint;
    for (const range of ranges) {
      const open = /^\[\d+-([<>])-(.+)\]$/.exec(range);
      if (open !== null) {
        moving = true;
        if (open[1] === '>') receivers.push(open[2] ?? '');
        continue;
      }
      const [from = 0, to = from] = range.split('-').map(Number);
      for (let slot = from; slot <= to; slot += 1) serves.add(slot);
    }
  }
  const hostOf = hostsAs(askedHost, myself);
  const places = receivers.flatMap((id) => endpoints.get(id) ?? []);
  return {
    serves,
    moving,
    receivers: places.map((endpoint) => ({ host: hostOf(endpoint) || askedHost, port: endpoint.port })),
  };
}

interface Endpoint {
  readonly address: string;
  readonly hostname: string;
  readonly port: number;
}

/**
 * How CLUSTER SLOTS and redirections call nodes, which `cluster-preferred-endpoint-type` decides: another name would make
 * one node two, and is not in its certificate. It shows in how the node that was asked is called.
 */
function hostsAs(askedHost: string, { address, hostname }: Endpoint): (endpoint: Endpoint) => string {
  if (askedHost === hostname) return (endpoint) => endpoint.hostname;
  if (askedHost === address || address === '') return (endpoint) => endpoint.address;
  return () => askedHost;
}
