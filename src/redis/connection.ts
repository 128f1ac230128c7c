import type { Log } from '../pipeline/ports.ts';
import type { RedisConnectionOptions } from './client.ts';
import { connectCluster } from './cluster-connection.ts';
import type { RedisCommands } from './commands.ts';
import type { DatasetListener } from './failover-watch.ts';
import { connectNode } from './node-connection.ts';
import type { RedisServerInfo } from './server-info.ts';
import type { WriteProbeResult, WriteSample } from './write-probe.ts';

/** Keys that a scan of one node may have missed, because they came from another one meanwhile. */
export interface Arrivals {
  /** To ask from the next time. */
  readonly revision: number;
  readonly slots: readonly number[];
}

/**
 * A connection to one Redis, or to all masters of a cluster, that is made anew, for ever, when it is lost. A command
 * fails at once while there is none, with the reason for that. Commands reject with what `classifyRedisError`
 * understands. In a cluster each key's part goes to the node that has it; some parts may have been done when a command
 * fails.
 */
export interface RedisConnection extends RedisCommands {
  /** Whether commands can be sent right now. */
  isReachable(): boolean;
  /** How many sessions there were, on all nodes; while it stays, all commands go to the same processes. */
  sessions(): number;
  /**
   * Waits until the server answers commands, for `timeoutMs` at most and the time of one command.
   * @throws UnstaleError with the reason: at once if it is fatal, else after the time.
   */
  checkReady(timeoutMs: number): Promise<void>;
  /** Whether writes to such keys are accepted; see `probeRights`. */
  probe(sample: WriteSample): Promise<WriteProbeResult>;
  /**
   * What INFO says; undefined when the user may not ask. In a cluster of one of the masters.
   * @throws UnstaleError when there is no connection or no answer.
   */
  info(): Promise<RedisServerInfo | undefined>;
  /**
   * Resolves when as many replicas as configured have all that was written up to now; at once if none are.
   * `since` is what `sessions()` was before the first of the writes.
   * @throws UnstaleError UNSTALE_REDIS_REPLICAS when too few have it in time, or it cannot be asked any more.
   */
  settle(since: number): Promise<void>;
  /**
   * Calls back whenever what is served now may lack deletes that were acknowledged before: before any command is sent
   * to it, in the same turn. Register at once after connecting.
   */
  onDatasetChange(listener: DatasetListener): void;
  /**
   * Names the data that is served now, to be compared with what it was before a pause; a change that it finds is told
   * to the listeners first. Undefined when the user may not ask (`+info`).
   * @throws UnstaleError when a master does not answer.
   */
  identity(): Promise<string | undefined>;
  /**
   * All that hold keys now, without duplicates: `scan`, `info`, `arrivals` and `scanSlot` of each are about that node
   * alone, and the other commands go where their keys are. The same node is the same object each time.
   */
  nodes(): readonly RedisConnection[];
  /**
   * Slots whose keys may have come to this node since the revision, or may be coming now. Ask once before a scan of all
   * nodes, and after it, when `scanSlot` finds what the scans may have missed.
   */
  arrivals(since: number): Promise<Arrivals>;
  /** All keys of the slot that are on this node. */
  scanSlot(slot: number): Promise<Buffer[]>;
  /** Ends the connection; open commands fail. Safe to call twice. */
  close(): Promise<void>;
}

/** Starts connecting and returns at once; the log gets one line for every change of the connection's state. */
export function connectRedis(options: RedisConnectionOptions, log: Log): RedisConnection {
  return options.cluster === undefined
    ? connectNode(options, log)
    : connectCluster(options, options.cluster, log);
}
