import type { Redis } from 'ioredis';

import { UnstaleError } from '../errors/unstale-error.ts';
import type { Script } from '../protocol/script.ts';
import type { ClusterNode, ClusterNodes } from './cluster-nodes.ts';
import { readRedirection } from './cluster-topology.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';

/** A command whose keys are in one slot. */
export interface RoutedCommand {
  readonly slot: number;
  readonly name: string;
  readonly args: readonly (string | Buffer | number)[];
  /** For EVALSHA, whose name and digest are then not among `args`: what to send where the node does not know it. */
  readonly script?: Script;
}

export interface RoutedReply {
  /** Texts as bytes. */
  readonly value?: unknown;
  /** An error reply, or why there is none. */
  readonly error?: unknown;
  /** The node and session that answered. */
  readonly from?: string;
}

/** How often one command is sent to another place. A slot that moves takes one or two; more means that nodes disagree. */
const MOST_REDIRECTIONS = 8;

/** One command, on its way. */
interface Pending {
  readonly index: number;
  readonly command: RoutedCommand;
  /** The node that a slot is moving to, for the next time. */
  askAt: string | undefined;
  redirections: number;
}

/** Sends commands to the nodes that serve their slots. */
export class ClusterRouter {
  readonly #nodes: ClusterNodes;
  /** Scripts that a node's session was sent. */
  readonly #scripts = new WeakMap<ClusterNode, { session: number; readonly known: Set<string> }>();

  constructor(nodes: ClusterNodes) {
    this.#nodes = nodes;
  }

  /**
   * Sends all, those of a node in one pipeline in their order, and follows redirections. Resolves with a reply for each
   * command, in their order; never rejects.
   */
  async send(commands: readonly RoutedCommand[]): Promise<RoutedReply[]> {
    const replies = commands.map((): RoutedReply => ({}));
    let pending = commands.map((command, index): Pending => ({
      index,
      command,
      askAt: undefined,
      redirections: 0,
    }));
    while (pending.length > 0) {
      const groups = await this.#byNode(pending, replies);
      const again = await Promise.all([...groups].map(([node, group]) => this.#sendTo(node, group, replies)));
      // In their first order: of one key's commands a later one must not overtake.
      pending = again.flat().toSorted((one, other) => one.index - other.index);
    }
    return replies;
  }

  async #byNode(pending: readonly Pending[], replies: RoutedReply[]): Promise<Map<ClusterNode, Pending[]>> {
    const groups = new Map<ClusterNode, Pending[]>();
    for (const one of pending) {
      try {
        const node =
          one.askAt === undefined
            ? this.#nodes.ownerOf(one.command.slot)
            : await this.#nodes.receiver(one.askAt);
        const group = groups.get(node);
        if (group === undefined) groups.set(node, [one]);
        else group.push(one);
      } catch (error) {
        replies[one.index] = { error };
      }
    }
    return groups;
  }

  /** Resolves with those that have to be sent again, elsewhere. */
  async #sendTo(node: ClusterNode, group: readonly Pending[], replies: RoutedReply[]): Promise<Pending[]> {
    const { link } = node;
    const from = `${node.address}/${link.sessions()}`;
    const outcomes = await link
      .command((client) => exec(client, group, this.#scriptsOf(node)))
      .catch((error: unknown): RoutedReply[] => group.map(() => ({ error })));
    const again: Pending[] = [];
    for (const [at, one] of group.entries()) {
      const { error, value } = outcomes[at] ?? {};
      if (error === undefined) replies[one.index] = { value, from };
      else if (await this.#isSentAgain(node, one, error)) again.push(one);
      else replies[one.index] = { error: this.#finalError(one, error), from };
    }
    return again;
  }

  async #isSentAgain(node: ClusterNode, one: Pending, error: unknown): Promise<boolean> {
    if (!isErrorReply(error)) {
      this.#nodes.search();
      return false;
    }
    one.redirections += 1;
    const { server } = node;
    const redirection = readRedirection(error, server);
    if (redirection?.kind === 'ask') one.askAt = redirection.address;
    else one.askAt = undefined;
    if (one.redirections > MOST_REDIRECTIONS) return false;
    if (redirection !== undefined) {
      if (redirection.kind === 'moved') await this.#nodes.moved(redirection.slot, redirection.address);
      return true;
    }
    if (isUnknownScript(error)) {
      // The script was flushed, or the command that brought it was sent elsewhere.
      this.#scripts.delete(node);
      return true;
    }
    const { code } = classifyRedisError(error);
    if (code === 'UNSTALE_REDIS_BUSY' || code === 'UNSTALE_REDIS_READONLY') this.#nodes.search();
    return false;
  }

  #finalError({ command, redirections }: Pending, error: unknown): unknown {
    if (redirections <= MOST_REDIRECTIONS) return error;
    return new UnstaleError(
      'UNSTALE_REDIS_BUSY',
      `nodes of the Redis Cluster disagree on slot ${command.slot}`,
    );
  }

  #scriptsOf(node: ClusterNode): Set<string> {
    const session = node.link.sessions();
    const sent = this.#scripts.get(node);
    if (sent?.session === session) return sent.known;
    const known = new Set<string>();
    this.#scripts.set(node, { session, known });
    return known;
  }
}

async function exec(client: Redis, group: readonly Pending[], known: Set<string>): Promise<RoutedReply[]> {
  const pipeline = client.pipeline();
  const places: number[] = [];
  let length = 0;
  for (const { command, askAt } of group) {
    if (askAt !== undefined) {
      pipeline.call('ASKING');
      length += 1;
    }
    places.push(length);
    length += 1;
    const { name, args, script } = command;
    if (script === undefined) pipeline.callBuffer(name, ...args);
    else if (known.has(script.sha1)) pipeline.callBuffer('EVALSHA', script.sha1, ...args);
    else {
      known.add(script.sha1);
      pipeline.callBuffer('EVAL', script.source, ...args);
    }
  }
  const replies = await pipeline.exec();
  return places.map((place) => {
    const [error, value] = replies?.[place] ?? [];
    return error === null || error === undefined ? { value } : { error };
  });
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
