import type { Sleep } from '../pipeline/ports.ts';
import type { NodeSlots, RedisConnection } from './connection.ts';
import { commonGlob, globMatcher } from './glob.ts';
import type { Send } from './send.ts';

export interface SweepOptions {
  /** All that hold keys now. */
  readonly nodes: () => readonly RedisConnection[];
  /** Removes keys that were found, and what hangs on them; resolves with how many existed. */
  readonly remove: (
    node: RedisConnection,
    keys: Buffer[],
    send: Send,
    signal: AbortSignal,
  ) => Promise<number>;
  /** Keys that `remove` takes at a time. */
  readonly keysPerRemoval: number;
  /** Keys that are looked at in a second, on each node; Infinity for no limit. */
  readonly scanRate: number;
  readonly sleep: Sleep;
  /** Called now and then while it goes on. */
  readonly onProgress: (progress: SweepProgress) => void;
}

/** How far a sweep is, over all nodes. */
export interface SweepProgress {
  /** Keys, within the accuracy of SCAN's COUNT. */
  readonly lookedAt: number;
  readonly removed: number;
}

/** Keys that one SCAN looks at: well under a millisecond of the server's time. */
const SCAN_COUNT = 1_000;
const PROGRESS_INTERVAL = 10_000;

/** One node's part of a sweep, which survives a lost connection. */
interface NodeSweep {
  readonly node: RedisConnection;
  /** What the node had before its first page; undefined until then. */
  had: NodeSlots | undefined;
  /** Whether this is the second pass. */
  again: boolean;
  /** Of the connection, and the process that it goes to; undefined where the user may not ask. */
  session: number;
  runId: string | undefined;
  cursor: string;
  complete: boolean;
  /** Read up to `cursor`, and not removed yet. */
  found: Buffer[];
  lookedAt: number;
  removed: number;
  /** When the next SCAN is due, on the monotonic clock, ms. */
  due: number;
}

/**
 * Removes every key that matches one of the globs on every node, in one pass over each keyspace. Keys that are
 * there from the beginning of the pass to its end are found, whatever happens to others meanwhile.
 *
 * In a cluster a key that moves from a node that was not looked at yet to one that was is passed over. It is on a node
 * then that got its slot meanwhile, or is getting it. So when all nodes were looked through, those that got slots are once
 * more. Only a key that moves again during that is missed: it has moved twice. There is no third pass, so that a scope ends
 * however long slots go on moving.
 */
export class ScopeSweep {
  readonly #options: SweepOptions;
  readonly #glob: string;
  /** Undefined when the server's own matching is exact. */
  readonly #matches: ((key: Buffer) => boolean) | undefined;
  #parts: readonly NodeSweep[] = [];
  /** Of nodes that are gone. */
  #past: SweepProgress = { lookedAt: 0, removed: 0 };
  #reportedAt = performance.now();

  constructor(patterns: readonly string[], options: SweepOptions) {
    const distinct = [...new Set(patterns)];
    this.#options = options;
    this.#glob = commonGlob(distinct);
    this.#matches = distinct.length > 1 ? globMatcher(distinct) : undefined;
  }

  get progress(): SweepProgress {
    const sum = (of: (part: NodeSweep) => number): number =>
      this.#parts.reduce((total, part) => total + of(part), 0);
    return {
      lookedAt: this.#past.lookedAt + sum((part) => part.lookedAt),
      removed: this.#past.removed + sum((part) => part.removed),
    };
  }

  /**
   * Goes on to the end; after a failure it may be called again, and goes on where it was on nodes that are still
   * the same process, and from the beginning on others.
   * @throws UnstaleError of the command that failed, or the abort's reason; no command is out any more then.
   */
  async run(send: Send, signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#follow(this.#options.nodes());
      const open = this.#parts.filter((part) => !part.complete || part.found.length > 0);
      if (open.length > 0) {
        await all(open.map((part) => this.#sweep(part, send, signal)));
        continue;
      }
      // Only now: until all were looked through, keys could still come from where nobody had looked.
      const known = this.#parts.length;
      await all(this.#parts.map((part) => this.#judge(part)));
      if (this.#parts.every(({ complete }) => complete) && this.#options.nodes().length === known) return;
    }
  }

  /** Has a node looked through once more if keys may have come to it. */
  async #judge(part: NodeSweep): Promise<void> {
    if (part.again) return;
    const { had, node } = part;
    const has = await node.slots();
    const isSame =
      had !== undefined &&
      !had.moving &&
      !has.moving &&
      [...has.serves].every((slot) => had.serves.has(slot));
    part.again = true;
    if (isSame) return;
    part.cursor = '0';
    part.complete = false;
  }

  /** Goes on with nodes that are still there, and from the beginning on others. */
  #follow(nodes: readonly RedisConnection[]): void {
    const before = this.#parts;
    this.#parts = nodes.map((node) => before.find((part) => part.node === node) ?? beginOn(node));
    const gone = before.filter((part) => !this.#parts.includes(part));
    this.#past = gone.reduce(
      ({ lookedAt, removed }, part) => ({
        lookedAt: lookedAt + part.lookedAt,
        removed: removed + part.removed,
      }),
      this.#past,
    );
  }

  async #sweep(part: NodeSweep, send: Send, signal: AbortSignal): Promise<void> {
    const { node } = part;
    const { keysPerRemoval, remove } = this.#options;
    part.had ??= await node.slots();
    await this.#identify(part, send);
    for (;;) {
      // What does not fill a command waits for the next page.
      while (part.found.length >= (part.complete ? 1 : keysPerRemoval)) {
        const keys = part.found.slice(0, keysPerRemoval);
        part.removed += await remove(node, keys, send, signal);
        part.found = part.found.slice(keys.length);
      }
      if (part.complete) return;
      await this.#wait(part, signal);
      // The server may be another one since, without that a command had failed.
      const page = await send(async () =>
        node.sessions() === part.session ? node.scan(part.cursor, this.#glob, SCAN_COUNT) : undefined,
      );
      if (page === undefined) {
        await this.#identify(part, send);
        continue;
      }
      part.lookedAt += SCAN_COUNT;
      part.found = part.found.concat(
        this.#matches === undefined ? page.keys : page.keys.filter(this.#matches),
      );
      part.cursor = page.cursor;
      part.complete = page.cursor === '0';
      this.#report();
    }
  }

  /** Another process knows nothing of the cursor: with it the keys in front of it would be passed over. */
  async #identify(part: NodeSweep, send: Send): Promise<void> {
    const session = part.node.sessions();
    const runId = (await send(() => part.node.info()))?.runId;
    if (session !== part.session && (runId === undefined || runId !== part.runId)) {
      part.cursor = '0';
      part.complete = false;
      part.found = [];
    }
    part.session = session;
    part.runId = runId;
  }

  /** Spreads the SCANs evenly; time that was lost waiting for Redis is not made up for. */
  async #wait(part: NodeSweep, signal: AbortSignal): Promise<void> {
    const { scanRate, sleep } = this.#options;
    const now = performance.now();
    const interval = (SCAN_COUNT * 1_000) / scanRate;
    // A timer is late by up to a millisecond or two, which the next SCAN makes up for.
    part.due = Math.max(part.due, now - interval - 2);
    if (part.due > now) await sleep(part.due - now, signal);
    part.due += interval;
  }

  #report(): void {
    const now = performance.now();
    if (now - this.#reportedAt < PROGRESS_INTERVAL) return;
    this.#reportedAt = now;
    this.#options.onProgress(this.progress);
  }
}

function beginOn(node: RedisConnection): NodeSweep {
  return {
    node,
    had: undefined,
    again: false,
    session: 0,
    runId: undefined,
    cursor: '0',
    complete: false,
    found: [],
    lookedAt: 0,
    removed: 0,
    due: 0,
  };
}

/** Waits for all of them. @throws what the first of those that failed threw. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
