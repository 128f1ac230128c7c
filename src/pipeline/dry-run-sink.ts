import { commandIdentity } from '../change/command.ts';
import type { ApplyResult, CacheCommand, CommandBatch } from '../change/command.ts';
import type { CommandSink } from './ports.ts';

/** What one rule would have done. */
export interface DryRunRule {
  readonly counts: Readonly<Record<CacheCommand['kind'], number>>;
  /** The first distinct commands, 20 at most. */
  readonly sample: readonly CacheCommand[];
}

const SAMPLE = 20;

/** A sink that touches nothing and counts what it was given. */
export class DryRunSink implements CommandSink {
  readonly #rules = new Map<
    string,
    { counts: Record<CacheCommand['kind'], number>; sample: CacheCommand[] }
  >();

  /** By the place of the rule, in the order in which they first wanted something. */
  get summary(): ReadonlyMap<string, DryRunRule> {
    return this.#rules;
  }

  apply({ commands }: CommandBatch): Promise<ApplyResult> {
    for (const command of commands) {
      let rule = this.#rules.get(command.rule);
      if (rule === undefined) {
        rule = { counts: { delete: 0, update: 0, 'set-keys': 0, generation: 0, scope: 0 }, sample: [] };
        this.#rules.set(command.rule, rule);
      }
      rule.counts[command.kind] += 1;
      if (rule.sample.length < SAMPLE && !rule.sample.some((known) => isSame(known, command))) {
        rule.sample.push(command);
      }
    }
    return Promise.resolve({ outcome: 'durable', removed: 0 });
  }
}

function isSame(one: CacheCommand, other: CacheCommand): boolean {
  return commandIdentity(one) === commandIdentity(other);
}
