import { asUnstaleError } from '../errors/unstale-error.ts';
import type { Log, Sleep } from '../pipeline/ports.ts';
import type { RedisConnection } from './connection.ts';
import type { RedisServerInfo } from './server-info.ts';

export interface HealthProbeOptions {
  readonly connection: RedisConnection;
  /** Time between two looks, ms. */
  readonly interval: number;
  readonly sleep: Sleep;
  /** A clock in ms that never goes back; performance.now unless given. */
  readonly now?: () => number;
  readonly log: Log;
}

/** What was seen last of one server that holds keys. */
export interface NodeHealth {
  /** Where it is, or what the sentinels call it. */
  readonly name: string;
  /** From PING to its answer, ms, on the connection that deletes go through; undefined while there was no answer. */
  readonly ping: number | undefined;
  /** Undefined where the user may not ask INFO, and while there was no answer. */
  readonly info: RedisServerInfo | undefined;
}

/** Until a server that did not answer is looked at again, ms. */
const AGAIN = 1000;
/** Looks between two of which a user who may not ask INFO is not asked for it: each refusal is a line in ACL LOG. */
const REFUSED_PAUSE = 60;

/**
 * Asks every master now and then how it is doing. It only looks: whether commands can be sent is the connection's to
 * say, and nothing waits for it.
 */
export class RedisHealthProbe {
  readonly #options: HealthProbeOptions;
  readonly #now: () => number;
  #nodes: readonly NodeHealth[] = [];
  /** Looks left until INFO is asked again, by node, and the session that it was refused in. */
  readonly #refused = new Map<string, { readonly session: number; pause: number }>();

  constructor(options: HealthProbeOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** In the order of their names; empty before the first look and while a cluster's nodes are not known. */
  get nodes(): readonly NodeHealth[] {
    return this.#nodes;
  }

  /** Looks now and then every `interval`, sooner while somebody does not answer, until the signal aborts. It never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { connection, interval, sleep } = this.#options;
    while (!signal.aborted) {
      const looks = connection.nodes().map(async (node) => this.#look(node));
      const found = await Promise.all(looks);
      this.#nodes = found.toSorted((one, other) => one.name.localeCompare(other.name));
      const isKnown = found.length > 0 && found.every(({ ping }) => ping !== undefined);
      await sleep(isKnown ? interval : Math.min(interval, AGAIN), signal);
    }
  }

  async #look(node: RedisConnection): Promise<NodeHealth> {
    const { name } = node;
    try {
      const began = this.#now();
      await node.checkReady(0);
      const ping = this.#now() - began;
      return { name, ping, info: await this.#ask(node) };
    } catch (error) {
      // The connection reports its own losses.
      this.#options.log.debug(
        { err: asUnstaleError(error), node: name },
        'Redis did not answer a look at it',
      );
      return { name, ping: undefined, info: undefined };
    }
  }

  async #ask(node: RedisConnection): Promise<RedisServerInfo | undefined> {
    const session = node.sessions();
    const refused = this.#refused.get(node.name);
    if (refused?.session === session && refused.pause > 0) {
      refused.pause -= 1;
      return undefined;
    }
    const info = await node.info();
    if (info === undefined) this.#refused.set(node.name, { session, pause: REFUSED_PAUSE });
    else this.#refused.delete(node.name);
    return info;
  }
}
