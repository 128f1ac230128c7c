import { rowVersion } from '../../src/change/version.ts';
import type { VersionToken } from '../../src/change/version.ts';
import { invalidate, update } from '../../src/protocol/scripts.ts';
import type { InvalidateOptions } from '../../src/protocol/scripts.ts';
import { callScript } from './protocol-client.ts';
import type { Simulation } from './protocol-simulation.ts';
import { cachedText, gtidOf } from './simulated-source.ts';
import type { SimulatedEvent } from './simulated-source.ts';

const TTL_MS = 3_600_000;
const HOLD_MS = 600_000;
const MAX_BATCH = 3;

/** Applies what has passed the barrier, in batches; goes back, and has commands that arrive late. */
export class SimulatedDaemon {
  readonly #simulation: Simulation;
  #next = 0;
  #highest = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  hasWork(): boolean {
    return this.#next < this.#simulation.source.passed();
  }

  /** Applies a batch; inside it the events may be reversed, as they are where several connections send them. */
  async step(): Promise<void> {
    const { source, random } = this.#simulation;
    const size = Math.min(1 + random.below(MAX_BATCH), source.passed() - this.#next);
    const batch = Array.from({ length: size }, (_, index) => this.#next + index);
    if (random.chance(0.3)) batch.reverse();
    for (const event of batch) await this.#apply(event, event < this.#highest);
    this.#next += size;
    this.#highest = Math.max(this.#highest, this.#next);
  }

  accidents(): (readonly [weight: number, act: () => Promise<void> | void])[] {
    const { mode, random, say } = this.#simulation;
    if (this.#next === 0) return [];
    const back = random.below(this.#next);
    const rewind = (): void => {
      say(`the daemon goes back to ${back}`);
      this.#next = back;
    };
    const late = async (): Promise<void> => {
      say('a command arrives late');
      await this.#apply(back, false, true);
    };
    return mode.lateCommands === true
      ? [
          [0.5, rewind],
          [0.7, late],
        ]
      : [[0.5, rewind]];
  }

  async #apply(number: number, isReplay: boolean, isLate = false): Promise<void> {
    const { redis, mode, source, keys, say } = this.#simulation;
    const event = source.events[number]!;
    const key = keys[event.row]!;
    if (mode.plain === true) {
      await redis.unlink(key);
      return;
    }
    const options: InvalidateOptions = {
      tombstoneMs: TTL_MS,
      holdMs: mode.hold === true ? HOLD_MS : 0,
      gtid: gtidOf(number),
    };
    if (mode.update !== undefined && !event.gone && !isReplay) {
      const create = mode.update === 'create';
      const policy = { form: 'string', ttlMs: TTL_MS, ttlJitter: 0, create } as const;
      const updates = [{ key, version: versionOf(event), value: cachedText(event) }];
      const [reply] = await callScript(redis, update(updates, { ...options, policy }));
      say(`update ${number} of row ${event.row}: ${reply}`);
      // Whoever sent the late command is gone, or has repeated it.
      if (reply !== 'refused' || isLate) return;
    }
    const version = mode.versions === true ? versionOf(event) : undefined;
    const removed = await callScript(redis, invalidate([{ key, version }], options));
    say(`invalidation ${number} of row ${event.row}: ${removed}`);
  }
}

function versionOf({ version, gone }: SimulatedEvent): VersionToken {
  return rowVersion(version, gone ? 'deleted' : 'row')!;
}
