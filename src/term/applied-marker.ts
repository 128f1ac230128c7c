import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import type { Log, WriteGate } from '../pipeline/ports.ts';
import { appliedKey, formatApplied } from '../protocol/applied.ts';
import type { RedisConnection } from '../redis/connection.ts';

interface AppliedMarkerOptions {
  readonly clientId: string;
  readonly write: (key: string, text: string) => Promise<void>;
  /** At least this long between two writes, ms. */
  readonly interval: number;
  /** Only the leader knows how far it is. */
  readonly gate: WriteGate;
  readonly log: Log;
}

/**
 * Tells readers in Redis how far the daemon is, so that they can wait for a change of their own. A write that fails is
 * not repeated: the next position stands for it.
 */
export class AppliedMarker {
  readonly #options: AppliedMarkerOptions;
  #next: SourcePosition | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: AppliedMarkerOptions) {
    this.#options = options;
  }

  /** Redis has acknowledged everything before `position`. */
  advance(position: SourcePosition): void {
    if (this.#ended) return;
    this.#next = position;
    if (this.#timer !== undefined) return;
    this.#write();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#next !== undefined) this.advance(this.#next);
    }, this.#options.interval);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #write(): void {
    const position = this.#next;
    if (position === undefined || !this.#options.gate.isOpen()) return;
    this.#next = undefined;
    const { clientId, write, log } = this.#options;
    const { serverUuid, file, offset, gtidSet = '' } = position;
    write(appliedKey(clientId), formatApplied({ serverUuid, file, offset, gtidSet, at: Date.now() })).catch(
      (err: unknown) => log.debug({ err }, 'readers are not told how far the daemon is'),
    );
  }
}

/** The marker that a configuration asks for; undefined if it asks for none. */
export function openMarker(
  { dryRun, clientId, redis: { appliedInterval } }: Config,
  redis: RedisConnection,
  gate: WriteGate,
  log: Log,
): AppliedMarker | undefined {
  if (dryRun || appliedInterval === undefined) return undefined;
  const write = (key: string, text: string): Promise<void> => redis.setAll([key], text);
  return new AppliedMarker({ clientId, write, interval: appliedInterval, gate, log });
}
