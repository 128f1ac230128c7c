import type { ServerResponse } from 'node:http';
import type { TailedCommand, TailFilter } from './tail-filter.ts';

/** Commands that Redis acknowledged together. */
export interface TailedCommands {
  readonly commands: readonly TailedCommand[];
  /** What became of one: `removed`, `absent`, `done`, `dry_run`. */
  readonly resultOf: (command: TailedCommand) => string;
  /** Commit time of the oldest change among them, ms since the epoch. */
  readonly oldestCommitAt?: number | undefined;
}

export interface TailHubOptions {
  /** Readers at the same time; 8 unless given. */
  readonly mostTails?: number;
  /** What may wait for one reader, bytes; 256 KiB unless given. */
  readonly mostWaiting?: number;
  /** Time between two signs of life, ms; 10 s unless given. */
  readonly heartbeat?: number;
}

interface Tail {
  readonly response: ServerResponse;
  readonly filter: TailFilter;
  /** Lines that are not told yet to be lost. */
  dropped: number;
  /** Bytes that the system had taken at the last sign of life, and how many of those ago that was already so. */
  taken: number;
  stalled: number;
}

/** Signs of life after which a reader that takes nothing is given up: it would keep its place for ever. */
const MOST_STALLED = 30;

/**
 * Shows what is applied to whoever reads along, as lines of JSON. Costs nothing while nobody does. A reader that is
 * too slow loses lines and is told how many; nothing ever waits for it.
 */
export class TailHub {
  readonly #tails = new Set<Tail>();
  readonly #mostTails: number;
  readonly #mostWaiting: number;
  readonly #heartbeat: number;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ mostTails = 8, mostWaiting = 256 * 1024, heartbeat = 10_000 }: TailHubOptions = {}) {
    this.#mostTails = mostTails;
    this.#mostWaiting = mostWaiting;
    this.#heartbeat = heartbeat;
  }

  /** Whether nobody reads along, and `applied` need not be called. */
  get isIdle(): boolean {
    return this.#tails.size === 0;
  }

  applied({ commands, resultOf, oldestCommitAt }: TailedCommands): void {
    const now = Date.now();
    const at = new Date(now).toISOString();
    const lag = oldestCommitAt === undefined ? {} : { lag_ms: Math.max(0, now - oldestCommitAt) };
    // Made when the first reader wants it, for all.
    const lines = new Map<TailedCommand, string>();
    const lineOf = (command: TailedCommand): string => {
      const { kind, key, pattern, reason, rule } = command;
      const known = lines.get(command);
      if (known !== undefined) return known;
      const line = toLine({ at, kind, key, pattern, reason, rule, result: resultOf(command), ...lag });
      lines.set(command, line);
      return line;
    };
    for (const tail of this.#tails) this.#offer(tail, commands, lineOf);
  }

  /**
   * Makes a response a stream of what is applied from now on, until the reader or `close` ends it.
   * @returns why not, with the HTTP status, if the response was not touched
   */
  open(response: ServerResponse, filter: TailFilter): { status: 429 | 503; reason: string } | undefined {
    if (this.#closed) return { status: 503, reason: 'The daemon stops.' };
    if (this.#tails.size >= this.#mostTails) {
      return { status: 429, reason: `${this.#mostTails} readers follow already; end one of them.` };
    }
    const tail: Tail = { response, filter, dropped: 0, taken: 0, stalled: 0 };
    // Silence is the reader's right; the signs of life find out whether it is still there.
    response.socket?.setTimeout(0);
    response.writeHead(200, {
      'Content-Type': 'application/x-ndjson; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // Proxies should pass lines on as they come.
      'X-Accel-Buffering': 'no',
      Connection: 'close',
    });
    response.on('close', () => this.#forget(tail));
    this.#tails.add(tail);
    this.#timer ??= setInterval(() => this.#beat(), this.#heartbeat).unref();
    response.write(heartbeat());
    return undefined;
  }

  /** Ends all streams, and lets none begin. */
  close(): void {
    this.#closed = true;
    for (const tail of this.#tails) {
      this.#tellDropped(tail);
      tail.response.end(toLine({ at: new Date().toISOString(), end: 'the daemon stops' }));
      this.#forget(tail);
    }
  }

  #offer(tail: Tail, commands: readonly TailedCommand[], lineOf: (command: TailedCommand) => string): void {
    let waiting = tail.response.writableLength;
    let text = '';
    const add = (line: string): void => {
      text += line;
      waiting += Buffer.byteLength(line);
    };
    for (const command of commands) {
      if (!tail.filter(command)) continue;
      // A reader that has lost lines gets none until it has caught up somewhat: long stretches are easier to read.
      const line = tail.dropped > 0 && waiting > this.#mostWaiting / 2 ? undefined : lineOf(command);
      if (line === undefined || waiting + Buffer.byteLength(line) > this.#mostWaiting) {
        tail.dropped += 1;
        continue;
      }
      if (tail.dropped > 0) add(takeDropped(tail));
      add(line);
    }
    // Once the system has taken it, the reader has caught up, and nothing else may come for long.
    if (text !== '') tail.response.write(text, () => this.#tellDropped(tail));
  }

  #tellDropped(tail: Tail): void {
    if (tail.dropped > 0 && this.#tails.has(tail)) tail.response.write(takeDropped(tail));
  }

  #beat(): void {
    for (const tail of this.#tails) {
      const { response } = tail;
      const { socket, writableLength: waiting } = response;
      const taken = socket === null ? 0 : socket.bytesWritten - socket.writableLength;
      tail.stalled = waiting > 0 && taken === tail.taken ? tail.stalled + 1 : 0;
      tail.taken = taken;
      if (tail.stalled >= MOST_STALLED) response.destroy();
      else if (waiting < this.#mostWaiting) response.write(heartbeat(), () => this.#tellDropped(tail));
    }
  }

  #forget(tail: Tail): void {
    this.#tails.delete(tail);
    if (this.#tails.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function takeDropped(tail: Tail): string {
  const line = toLine({ at: new Date().toISOString(), dropped: tail.dropped });
  tail.dropped = 0;
  return line;
}

function heartbeat(): string {
  return toLine({ at: new Date().toISOString(), heartbeat: true });
}

function toLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
