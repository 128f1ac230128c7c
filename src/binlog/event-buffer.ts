import type { SourceEvent } from '../change/source-event.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';

export interface EventBufferOptions {
  /** Buffered binlog bytes at which the stream is paused. */
  readonly maxBytes: number;
  /** Buffered events at which the stream is paused, whatever their bytes. */
  readonly maxEvents: number;
  readonly pause: () => void;
  readonly resume: () => void;
}

/**
 * Decouples the pushing binlog connection from the pulling pipeline. It holds at most `maxBytes` of binlog
 * (plus what the connection had already received), because it pauses the connection until it is read.
 */
export class EventBuffer {
  readonly #options: EventBufferOptions;
  #events: SourceEvent[] = [];
  #bytes = 0;
  #paused = false;
  #closed = false;
  #failure: UnstaleError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: EventBufferOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  push(event: SourceEvent): void {
    if (this.#closed) return;
    // Of several positions in a row only the newest counts.
    if (event.kind === 'idle' && this.#events.at(-1)?.kind === 'idle') this.#events.pop();
    this.#events.push(event);
    if (event.kind === 'slice') this.#bytes += event.slice.bytes;
    if (
      !this.#paused &&
      (this.#bytes >= this.#options.maxBytes || this.#events.length >= this.#options.maxEvents)
    ) {
      this.#paused = true;
      this.#options.pause();
    }
    this.#signal();
  }

  /** Ends the stream with an error, after what is buffered was read. */
  fail(error: UnstaleError): void {
    this.#failure ??= error;
    this.#signal();
  }

  /** Ends the stream at once; buffered events are dropped unread, so the position stays before them. */
  close(): void {
    this.#closed = true;
    this.#events = [];
    this.#bytes = 0;
    this.#signal();
  }

  /** Waits for events and returns all of them; an empty list once closed. */
  async read(): Promise<readonly SourceEvent[]> {
    while (this.#events.length === 0) {
      if (this.#closed) return [];
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#options.resume();
    }
    return events;
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
