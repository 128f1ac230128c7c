import { setTimeout as delay } from 'node:timers/promises';

import { UnstaleError } from '../errors/unstale-error.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import type { CommandArgs, Effect } from './commands.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import { isUnknownScript } from './reply-values.ts';
import type { Reply } from './reply-values.ts';
import { redirectionOf } from './slot-map.ts';
import type { NodePlace } from './slot-map.ts';

/** A command on keys of one slot. */
export interface SlotCommand {
  readonly slot: number;
  readonly args: CommandArgs;
  /** What to send instead when the node does not know the script. */
  readonly source?: CommandArgs;
  /**
   * Does the same with commands on one key each, and resolves with what the command would have replied: for keys
   * that are on two nodes while their slot is on its way. Undefined where there is one key only.
   */
  readonly apart?: () => Promise<unknown>;
}

export interface SlotReply extends Reply {
  /** The node's session that gave it. */
  readonly from?: string;
}

/** A command that has no reply yet. */
interface Open {
  readonly command: SlotCommand;
  readonly index: number;
  /** Where ASK led to, for the next attempt only. */
  readonly asked?: NodePlace;
  readonly unknownScript?: boolean;
}

/**
 * Keys of the command are on two nodes, or not there at all. A script may have been executed in part: a key that it
 * removed cannot be written again on this node.
 */
const SPLIT = /^TRYAGAIN|[Aa]ttempted to access a non local key/;

/** Attempts for one command: a slot may move more than once, and nodes hear of it one after the other. */
const ROUNDS = 6;
/** Before an attempt that follows a refusal for which only time helps, ms. */
const PAUSE = 20;
/** How long a node that was not known until now may take to connect, ms. */
const NEW_NODE = 1_000;

/**
 * Sends commands to the nodes that serve their slots, to each node in one go and in their order, and follows
 * redirections. Resolves with a reply for each; what could not be brought to an end is an error that may pass.
 * A redirected command was not executed, so that sending it again repeats nothing.
 */
export async function sendToSlots(
  topology: ClusterTopology,
  commands: readonly SlotCommand[],
  effect: Effect = 'write',
): Promise<readonly SlotReply[]> {
  const replies = Array.from<SlotReply>({ length: commands.length });
  let open: readonly Open[] = commands.map((command, index) => ({ command, index }));
  for (let round = 0; open.length > 0; round += 1) {
    if (round === ROUNDS) {
      for (const { index, command } of open) replies[index] = failed(stillMoving(command));
      break;
    }
    if (round > 1) await delay(PAUSE * round);
    const again: Open[] = [];
    // All together: a node that lost its slots says so of each.
    const moved = new Map<number, NodePlace>();
    const sent = [...groupByNode(topology, open, replies)].map(async ([node, group]) => {
      const answers = await send(topology, node, group, effect);
      const from = `${node.address}/${node.connection.sessions()}`;
      for (const [at, reply] of answers.entries()) {
        const item = group[at];
        if (item === undefined) continue;
        const next = await judge(topology, node, item, { reply, moved });
        if ('value' in next) replies[item.index] = { ...next, from };
        else again.push(next);
      }
    });
    await Promise.all(sent);
    topology.moved(moved);
    open = again.toSorted((one, other) => one.index - other.index);
  }
  return replies;
}

function groupByNode(
  topology: ClusterTopology,
  open: readonly Open[],
  replies: Reply[],
): ReadonlyMap<ClusterNode, Open[]> {
  const groups = new Map<ClusterNode, Open[]>();
  for (const item of open) {
    try {
      const { asked, command } = item;
      const node = asked === undefined ? topology.ownerOf(command.slot) : topology.receives(asked);
      const group = groups.get(node);
      if (group === undefined) groups.set(node, [item]);
      else group.push(item);
    } catch (error) {
      replies[item.index] = failed(classifyRedisError(error));
    }
  }
  return groups;
}

async function send(
  topology: ClusterTopology,
  { connection }: ClusterNode,
  group: readonly Open[],
  effect: Effect,
): Promise<readonly Reply[]> {
  // A node that was only just heard of is worth a moment; one that was lost is not.
  if (connection.sessions() === 0) await connection.checkReady(NEW_NODE).catch(() => undefined);
  const commands = group.map(({ command, asked, unknownScript }) => ({
    args: unknownScript === true ? (command.source ?? command.args) : command.args,
    asking: asked !== undefined,
  }));
  try {
    return await connection.sendAll(commands, effect);
  } catch (error) {
    topology.refreshSoon();
    return group.map(() => failed(classifyRedisError(error)));
  }
}

/** The reply, or how the command is to be sent again; notes what has moved. */
async function judge(
  topology: ClusterTopology,
  node: ClusterNode,
  item: Open,
  { reply, moved }: { readonly reply: Reply; readonly moved: Map<number, NodePlace> },
): Promise<Reply | Open> {
  const { error } = reply;
  if (error === undefined) return reply;
  const { command, index } = item;
  if (!isErrorReply(error)) {
    topology.refreshSoon();
    return reply;
  }
  if (isUnknownScript(error) && command.source !== undefined && item.unknownScript !== true)
    return { ...item, unknownScript: true };
  const script = item.unknownScript === true ? { unknownScript: true } : {};
  const redirection = redirectionOf(error.message, node.place.host);
  if (redirection !== undefined) {
    const { kind, slot, place } = redirection;
    if (kind === 'MOVED') moved.set(slot, place);
    return { command, index, ...script, ...(kind === 'ASK' ? { asked: place } : {}) };
  }
  if (SPLIT.test(error.message)) {
    if (command.apart === undefined) return { command, index, ...script };
    return command.apart().then(
      (value) => ({ error: undefined, value }),
      (reason: unknown) => failed(reason instanceof Error ? reason : classifyRedisError(reason)),
    );
  }
  // Not for long: a failover goes on, or the node was master and does not know yet who is.
  if (/^(?:CLUSTERDOWN|READONLY|MASTERDOWN|LOADING)/.test(error.message)) topology.refreshSoon();
  return reply;
}

function failed(error: Error): Reply {
  return { error, value: undefined };
}

function stillMoving({ slot }: SlotCommand): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_BUSY',
    `slot ${slot} of the Redis cluster is on its way to another node`,
  );
}
