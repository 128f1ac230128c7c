import { formatPosition } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log, Sleep } from '../pipeline/ports.ts';
import { ALL_TABLES } from './table-reaches.ts';

export interface GapRecoveryOptions {
  /** Time for which an application may hold a value between reading MySQL and writing Redis, ms. */
  readonly wait: number;
  readonly sleep: Sleep;
  readonly log: Log;
  /** Hands an event on to the pipeline. */
  readonly emit: (event: SourceEvent) => void;
}

/** A gap that Redis does not know of yet. */
export interface OpenGap {
  readonly code: string;
  readonly message: string;
}

/**
 * What follows on a gap in the binlog. What was changed in it will never be read, so every key of the mapped
 * tables has to go: the end of the binlog is noted, fills in flight get the time to arrive, and then the scope
 * is removed. Reading goes on from the noted end, in a new epoch. The position moves there only behind the
 * scope, so a crash before Redis has acknowledged it finds the same gap again.
 */
export class GapRecovery {
  readonly #options: GapRecoveryOptions;
  #open: { readonly gap: OpenGap; readonly head: SourcePosition; readonly since: number } | undefined;

  constructor(options: GapRecoveryOptions) {
    this.#options = options;
  }

  /** The gap whose keys are not known to be removed. */
  get open(): OpenGap | undefined {
    return this.#open?.gap;
  }

  /**
   * Resolves with the position to go on from, when the scope has been handed to the pipeline.
   * @throws UnstaleError when the end of the binlog cannot be noted, or the signal aborts.
   */
  async run(
    lost: SourcePosition,
    error: UnstaleError,
    noteHead: () => Promise<SourcePosition>,
    signal: AbortSignal,
  ): Promise<SourcePosition> {
    const { wait, sleep, log, emit } = this.#options;
    const head = { ...(await noteHead()), epoch: lost.epoch + 1 };
    this.#open = { gap: { code: error.code, message: error.message }, head, since: performance.now() };
    log.warn(
      {
        code: error.code,
        reason: error.message,
        lost: { position: formatPosition(lost), gtid_set: lost.gtidSet ?? null, server: lost.serverUuid },
        head: { position: formatPosition(head), gtid_set: head.gtidSet ?? null, server: head.serverUuid },
        epoch: head.epoch,
      },
      'a part of the binlog will never be read: every key of the mapped tables is removed before going on from its end',
    );
    await sleep(wait, signal);
    if (signal.aborted)
      throw new UnstaleError('UNSTALE_BINLOG_CONNECTION_LOST', 'stopped while recovering from a gap');
    emit({ kind: 'scope', tables: ALL_TABLES, reason: 'gap', committedAt: Date.now() });
    return head;
  }

  /** Redis has acknowledged everything before `position`. */
  applied(position: SourcePosition): void {
    if (this.#open === undefined || position.epoch < this.#open.head.epoch) return;
    const seconds = Math.round(performance.now() - this.#open.since) / 1000;
    this.#open = undefined;
    this.#options.log.info(
      { position: formatPosition(position), epoch: position.epoch, seconds },
      'ready: recovered from the gap in the binlog',
    );
  }
}
