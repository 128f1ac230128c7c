import { deleteOf } from '../change/command.ts';
import type { CacheCommand, Guard } from '../change/command.ts';
import type { RowChange } from '../change/row-change.ts';
import { formatKeyPart } from './format-value.ts';
import type { PlainKey } from './key.ts';
import type { MappingOutput } from './plan.ts';
import { PlannedTable } from './planned-table.ts';
import type { Planned } from './planned-table.ts';

/** A rule that asks nothing of a row but the key of one column, as most do. */
export interface PlainKeyRule extends PlainKey {
  /** Its place, e.g. `rules[0]`. */
  readonly rule: string;
  readonly guard: Guard | undefined;
  /** What a row asks for that does not tell its key. */
  readonly unreadable: readonly CacheCommand[];
  /** Whether the rule is on a change; undefined if it is on each. */
  readonly concerns: ((change: RowChange) => boolean) | undefined;
}

/**
 * A table with nothing but such a rule. All that a row needs lies in this one object, and not in closures behind it:
 * with 200 tables in turn a row then costs what it costs with one, instead of a fifth to a third more
 * (`npm run bench -- mapping`).
 */
export class PlainKeyTable extends PlannedTable {
  readonly #prefix: string;
  readonly #index: number;
  readonly #suffix: string;
  readonly #rule: string;
  readonly #guard: Guard | undefined;
  readonly #unreadable: readonly CacheCommand[];
  readonly #concerns: PlainKeyRule['concerns'];

  constructor(planned: Planned, { prefix, index, suffix, rule, guard, unreadable, concerns }: PlainKeyRule) {
    super(planned);
    this.#prefix = prefix;
    this.#index = index;
    this.#suffix = suffix;
    this.#rule = rule;
    this.#guard = guard;
    this.#unreadable = unreadable;
    this.#concerns = concerns;
  }

  map(change: RowChange, out: MappingOutput): void {
    if (this.#concerns !== undefined && !this.#concerns(change)) return;
    const index = this.#index;
    if (change.op !== 'update') {
      this.#emit(formatKeyPart((change.op === 'insert' ? change.after : change.before)[index]), out);
      return;
    }
    const old = formatKeyPart(change.before[index]);
    const current = formatKeyPart(change.after[index]);
    this.#emit(old, out);
    if (current !== old) this.#emit(current, out);
    else if (current === null) out.nullKeys += 1;
  }

  #emit(part: string | null | undefined, out: MappingOutput): void {
    if (part === null) out.nullKeys += 1;
    else if (part === undefined) out.commands.push(...this.#unreadable);
    else out.commands.push(deleteOf(this.#prefix + part + this.#suffix, this.#rule, this.#guard));
  }
}
