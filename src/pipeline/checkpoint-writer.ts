import type { Checkpoint } from '../change/checkpoint.ts';
import { setBack } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import type { PositionHistory } from './position-history.ts';
import type { Log, PositionStore, Sleep } from './ports.ts';

export interface CheckpointWriterOptions {
  readonly store: PositionStore;
  readonly clientId: string;
  readonly mappingHash: string;
  /** Of the leader that writes; see `Checkpoint`. */
  readonly fencingToken: number;
  /** Time between two writes while the position moves, ms. */
  readonly flushInterval: number;
  readonly sleep: Sleep;
  readonly log: Log;
  /** Told of each position, and stored along. */
  readonly history?: PositionHistory;
  /** A position was stored. */
  readonly onStored: () => void;
  readonly now?: () => number;
}

/**
 * Writes the applied position to the state tables: on a timer while it moves, and when asked to.
 *
 * Writes never overlap, and a position that has not moved is not written again unless the mapping has changed, so an idle daemon writes
 * nothing. A state database that does not answer costs repeated work after a restart, nothing else: the
 * newest position is kept and written when it answers again.
 */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  readonly #now: () => number;
  #applied: SourcePosition | undefined;
  #stored: SourcePosition | undefined;
  #mappingHash: string;
  #storedHash: string | undefined;
  #storedAt: number | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  #failing = false;

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
    this.#mappingHash = options.mappingHash;
    this.#now = options.now ?? Date.now;
  }

  /** The newest position that Redis has acknowledged, whether stored or not. */
  get applied(): SourcePosition | undefined {
    return this.#applied;
  }

  /** The position that a restart would resume at. */
  get stored(): SourcePosition | undefined {
    return this.#stored;
  }

  /** Age of the oldest position that is not stored yet, ms; 0 when everything is stored. */
  get staleness(): number {
    if (this.#applied === this.#stored || this.#storedAt === undefined) return 0;
    return this.#now() - this.#storedAt;
  }

  /** Tells what is stored already, so that it is not written again. */
  startFrom({ position, mappingHash }: Pick<Checkpoint, 'position' | 'mappingHash'>): void {
    this.#applied = position;
    this.#stored = position;
    this.#storedHash = mappingHash;
    this.#storedAt = this.#now();
    this.#options.history?.begin(position);
  }

  /**
   * Everything behind `position` is to be applied, that up to `newest` again; it is stored before anything of that.
   */
  async begin(position: SourcePosition, newest = position): Promise<void> {
    this.#applied = setBack(position, newest);
    this.#options.history?.begin(position);
    await this.flush();
  }

  /** Another mapping is in force; it is stored even if the position does not move. */
  remap(mappingHash: string): void {
    this.#mappingHash = mappingHash;
  }

  /** Redis has acknowledged everything before `position`. */
  advance(position: SourcePosition): void {
    this.#applied = position;
    this.#options.history?.advance(position);
  }

  /**
   * Writes on a timer until the signal aborts. It does not write a last time: see `flush`.
   * @throws UnstaleError when the state database refuses for good.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.sleep(this.#options.flushInterval, signal);
      if (signal.aborted) return;
      try {
        await this.flush();
        if (this.#failing) this.#options.log.info({}, 'positions are stored again');
        this.#failing = false;
      } catch (error) {
        const failure = asUnstaleError(error);
        if (failure.policy.directive !== 'retry') throw failure;
        if (!this.#failing)
          this.#options.log.warn({ err: failure }, 'the position cannot be stored; it is kept in memory');
        this.#failing = true;
      }
    }
  }

  /** Stores the newest applied position unless it is stored already; never two writes at a time. */
  flush(): Promise<void> {
    const turn = this.#lastWrite.then(() => this.#write());
    this.#lastWrite = turn.catch(() => undefined);
    return turn;
  }

  async #write(): Promise<void> {
    const position = this.#applied;
    const mappingHash = this.#mappingHash;
    if (position === undefined) return;
    if (position === this.#stored && mappingHash === this.#storedHash) return;
    const savedAt = this.#now();
    await this.#options.store.save({
      clientId: this.#options.clientId,
      position,
      mappingHash,
      fencingToken: this.#options.fencingToken,
      savedAt,
    });
    this.#stored = position;
    this.#storedHash = mappingHash;
    this.#storedAt = savedAt;
    this.#options.onStored();
    await this.#options.history?.persist();
  }
}
