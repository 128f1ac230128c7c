import { SLOTS } from '../protocol/slot.ts';
import type { ServerAddress } from './client.ts';

/** What one node says about which node serves which slots. */
export interface ClusterMap {
  /** The masters' addresses by slot, `host:port`; undefined where nobody serves the slot. */
  readonly owners: readonly (string | undefined)[];
  /** The replicas' addresses, by their master's. */
  readonly replicas: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whether the node that was asked sees enough of the cluster to serve. */
  readonly isServing: boolean;
  /** Grows with every failover and moved slot that the node knows of. */
  readonly epoch: number;
}

/** Reads the replies of CLUSTER INFO and CLUSTER SLOTS of the node at `from`. */
export function readMap(info: unknown, slots: unknown, from: ServerAddress): ClusterMap {
  const owners = Array.from<string | undefined>({ length: SLOTS });
  const replicas = new Map<string, Set<string>>();
  for (const range of listOf(slots)) {
    const [first, last, ...nodes] = listOf(range);
    const [master, ...others] = nodes.map((node) => addressOf(node, from));
    if (master === undefined) continue;
    owners.fill(master, Number(first), Number(last) + 1);
    const known = replicas.get(master) ?? new Set();
    for (const replica of others) if (replica !== undefined) known.add(replica);
    replicas.set(master, known);
  }
  const fields = textOf(info);
  return {
    owners,
    replicas,
    isServing: /^cluster_state:ok/m.test(fields),
    epoch: Number(/^cluster_current_epoch:(\d+)/m.exec(fields)?.[1] ?? 0),
  };
}

/** What a node says of its own slots, which no other node can know better. */
export interface OwnSlots {
  readonly serves: readonly number[];
  /** Slots whose keys are coming to this node, one after another. */
  readonly importing: readonly number[];
  /** Addresses of masters that serve slots, or to which slots of this node are moving. */
  readonly masters: readonly string[];
}

/** Reads the reply of CLUSTER NODES of the node at `from`. */
export function readOwnSlots(nodes: unknown, from: ServerAddress): OwnSlots {
  const serves: number[] = [];
  const importing: number[] = [];
  const masters = new Set<string>();
  const byId = new Map<string, string>();
  const targets: string[] = [];
  for (const line of textOf(nodes).split('\n')) {
    const [id = '', endpoint = '', flags = '', , , , , , ...slots] = line.trim().split(' ');
    const address = formatAddress(parseEndpoint(endpoint.replace(/@.*$/, ''), from));
    byId.set(id, address);
    const roles = flags.split(',');
    if (roles.includes('master') && !roles.includes('fail') && slots.length > 0) masters.add(address);
    if (!roles.includes('myself')) continue;
    for (const part of slots) {
      const open = /^\[(\d+)-([<>])-(\w+)\]$/.exec(part);
      if (open?.[2] === '<') importing.push(Number(open[1]));
      else if (open !== null) targets.push(open[3] ?? '');
      else {
        const [first = '', last = first] = part.split('-');
        for (let slot = Number(first); slot <= Number(last); slot += 1) serves.push(slot);
      }
    }
  }
  for (const id of targets) {
    const address = byId.get(id);
    if (address !== undefined) masters.add(address);
  }
  return { serves, importing, masters: [...masters] };
}

/** Where a MOVED or ASK reply leads to. */
export interface Redirection {
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  readonly address: string;
}

/** Reads an error reply of the node at `from`; undefined if it is no redirection. */
export function readRedirection(error: unknown, from: ServerAddress): Redirection | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, kind, slot, endpoint = ''] = /^(MOVED|ASK) (\d+) (\S+)/.exec(error.message) ?? [];
  if (kind === undefined) return undefined;
  const address = formatAddress(parseEndpoint(endpoint, from));
  return { kind: kind === 'ASK' ? 'ask' : 'moved', slot: Number(slot), address };
}

export function formatAddress({ host, port }: ServerAddress): string {
  return `${host}:${port}`;
}

/** `host:port`, of which the host may be missing: then it is that of the node that says it. */
export function parseEndpoint(endpoint: string, from: ServerAddress): ServerAddress {
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, Math.max(colon, 0));
  return { host: host === '' || host === '?' ? from.host : host, port: Number(endpoint.slice(colon + 1)) };
}

function addressOf(node: unknown, from: ServerAddress): string | undefined {
  const [host, port] = listOf(node);
  const name = host === null || host === undefined ? '' : textOf(host);
  // The node knows no name for it yet.
  if (name === '?') return undefined;
  return formatAddress({ host: name === '' ? from.host : name, port: Number(port) });
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

function textOf(reply: unknown): string {
  return typeof reply === 'string' ? reply : Buffer.isBuffer(reply) ? reply.toString() : '';
}
