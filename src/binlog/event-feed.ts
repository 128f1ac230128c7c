import { asUnstaleError } from '../errors/unstale-error.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import type { RawEvent } from './raw-event.ts';

export interface EventFeedOptions {
  /** Handles one event; a promise holds all later ones back. */
  readonly handle: (event: RawEvent) => Promise<void> | undefined;
  /** Stops and restarts the flow of packets; those that were received already still arrive. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly onFailure: (error: UnstaleError) => void;
}

/**
 * Hands events on one after the other. Nearly all are handled at once; while one takes longer (a large compressed
 * transaction, a question to the server) the connection is paused and what had been received already waits here, no
 * more than one read of the socket.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  #waiting: RawEvent[] = [];
  #busy = false;
  #ended = false;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  push(event: RawEvent): void {
    if (this.#ended) return;
    if (this.#busy) {
      this.#waiting.push(event);
      return;
    }
    const pending = this.#handle(event);
    if (pending !== undefined) this.#hold(pending);
  }

  /** Nothing is handled any more. */
  end(): void {
    this.#ended = true;
    this.#waiting = [];
  }

  #handle(event: RawEvent): Promise<void> | undefined {
    try {
      return this.#options.handle(event);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #hold(pending: Promise<void>): void {
    this.#busy = true;
    this.#options.pause();
    pending.then(
      () => this.#drain(),
      (error: unknown) => this.#fail(error),
    );
  }

  #drain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [index, event] of waiting.entries()) {
      const pending = this.#ended ? undefined : this.#handle(event);
      if (pending === undefined) continue;
      this.#waiting = waiting.slice(index + 1);
      pending.then(
        () => this.#drain(),
        (error: unknown) => this.#fail(error),
      );
      return;
    }
    this.#busy = false;
    if (!this.#ended) this.#options.resume();
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.end();
    this.#options.onFailure(asUnstaleError(error));
  }
}
