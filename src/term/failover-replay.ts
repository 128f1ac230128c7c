import type { Checkpoint } from '../change/checkpoint.ts';
import { formatPosition, isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Log, RetryDelay } from '../pipeline/ports.ts';
import type { PositionHistory } from '../pipeline/position-history.ts';
import { retried } from '../pipeline/retried.ts';
import type { DatasetStore } from '../state/dataset-store.ts';

export interface FailoverReplayOptions {
  readonly history: PositionHistory;
  readonly store: DatasetStore;
  /** What the data in Redis is known by now; undefined where the user may not ask. @throws UnstaleError */
  readonly identity: () => Promise<string | undefined>;
  /** Reads again from `position` on; false when the daemon stops. The position is stored before. */
  readonly rewind: (position: SourcePosition) => Promise<boolean>;
  readonly retryDelay: RetryDelay;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly onReplay: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Applies the changes of the last minutes again when the data in Redis is not what acknowledged them: replication is
 * asynchronous, and a promoted replica, or a server that loaded an older file, lacks the last deletes (protocol.md).
 *
 * The identity is stored behind the position that was set back, so that a crash in between only repeats.
 */
export class FailoverReplay {
  readonly #options: FailoverReplayOptions;
  #pending = false;
  /** What the position speaks of, as seen before it was set back: a change in between has to be found again. */
  #seen: string | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: FailoverReplayOptions) {
    this.#options = options;
  }

  /** Where a start has to begin whose checkpoint speaks of other data; undefined if it speaks of the present data. */
  async startingAt(checkpoint: Checkpoint | undefined): Promise<SourcePosition | undefined> {
    const { history, store, identity, log, onReplay } = this.#options;
    await history.load();
    const [known, now] = [await store.loadDataset(), await identity()];
    this.#seen = now;
    if (now === undefined) {
      log.warn(
        {},
        'Redis does not tell what its data is known by (INFO): a failover while the daemon is down is not seen',
      );
      return undefined;
    }
    if (checkpoint === undefined || known === undefined || known === now) return undefined;
    const { position } = checkpoint;
    const recent = history.lowestRecent() ?? position;
    const from = isBefore(position, recent) ? position : recent;
    log.warn(
      { from: formatPosition(from), stored: formatPosition(position) },
      'the data in Redis is not what the position speaks of: changes are applied again',
    );
    onReplay();
    return from;
  }

  /** The position that is stored speaks of the data that was seen last. */
  async noteDataset(): Promise<void> {
    if (this.#seen !== undefined) await this.#options.store.saveDataset(this.#seen);
  }

  /** Other data is in Redis. Changes that come while an earlier one is waited for need no repetition of their own. */
  changed(reason: object): void {
    const { log, onError } = this.#options;
    log.warn(reason, 'other data is in Redis than before');
    if (this.#pending) return;
    this.#pending = true;
    this.#running = this.#running.then(() => this.#replay()).catch(onError);
  }

  async #replay(): Promise<void> {
    const { history, identity, rewind, log, onReplay } = this.#options;
    this.#pending = false;
    const from = history.lowestRecent();
    if (from === undefined) return;
    log.info({ from: formatPosition(from) }, 'applying changes again that Redis may have lost');
    onReplay();
    await retried(async () => {
      this.#seen = await identity();
    }, this.#options);
    if (await rewind(from)) await retried(() => this.noteDataset(), this.#options);
  }
}
