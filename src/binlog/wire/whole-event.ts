import { UnstaleError } from '../../errors/unstale-error.ts';
import type { EventConsumer, EventParts } from './event-consumer.ts';

/** No server sends a larger one (max_allowed_packet), so that a damaged length does not take all memory, bytes. */
const MAX_EVENT_BYTES = 2 ** 30 + 2 ** 16;

/** Puts an event together that does not fit into the buffer of the connection. */
export class WholeEvent implements EventParts {
  readonly #consumer: EventConsumer;
  readonly #bytes: Buffer;
  #have = 0;

  /** @throws UnstaleError UNSTALE_EVENT_UNDECODABLE for an event that cannot be that long */
  constructor(consumer: EventConsumer, length: number) {
    if (length > MAX_EVENT_BYTES)
      throw new UnstaleError('UNSTALE_EVENT_UNDECODABLE', `a binlog event of ${length} bytes`);
    this.#consumer = consumer;
    this.#bytes = Buffer.allocUnsafeSlow(length);
  }

  part(bytes: Buffer): undefined {
    this.#have += bytes.copy(this.#bytes, this.#have);
  }

  end(): Promise<void> | undefined {
    return this.#consumer.event(this.#bytes, 0, this.#bytes.length);
  }

  abandon(): void {
    // What was copied goes with this object.
  }
}
