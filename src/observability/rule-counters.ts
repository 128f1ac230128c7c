/** What became of a rule's commands since it is in force. */
export interface RuleCounts {
  /** Keys that were cached and are gone. */
  readonly deleted: number;
  /** Keys that were not cached. */
  readonly absent: number;
  /** Values that are in Redis now. */
  readonly stored: number;
  /** Updates after which the key is gone, or is still not there. */
  readonly not_stored: number;
  /** Deletes and updates that went together with those of other rules: Redis tells only the sum of each outcome. */
  readonly uncertain: number;
  /** Sets of keys and generations. */
  readonly other: number;
  /** Removals of all keys of a pattern. */
  readonly scopes: number;
  readonly poisoned: number;
}

/** A command, as far as it is counted. */
export interface CountedCommand {
  readonly kind: 'delete' | 'update' | 'set-keys' | 'generation' | 'scope';
  readonly rule: string;
}

/** What Redis made of commands that were sent together. */
export interface CountedResult {
  /** Keys of deletes that existed. */
  readonly removed: number;
  readonly updates?: Readonly<Record<'stored' | 'skipped' | 'dropped' | 'refused', number>>;
}

type Tally = Record<CountedCommand['kind'], number>;
type Counts = { -readonly [Name in keyof RuleCounts]: number };

/** Counts by rule. Redis answers for many commands at once, so what belongs to which rule is not always known. */
export class RuleCounters {
  readonly #rules = new Map<string, Counts>();

  /** By the rule's place, such as `rules[0]`; undefined if nothing of it was acknowledged yet. */
  of(rule: string): RuleCounts | undefined {
    return this.#rules.get(rule);
  }

  /** Redis acknowledged these commands, which were sent together. */
  applied(commands: readonly CountedCommand[], { removed, updates }: CountedResult): void {
    const tallies = tally(commands);
    const deletes = new Map([...tallies].map(([rule, { delete: count }]) => [rule, count]));
    for (const [rule, count, known] of share(deletes, removed)) {
      const counts = this.#countsOf(rule);
      if (known === undefined) counts.uncertain += count;
      else {
        counts.deleted += known;
        counts.absent += count - known;
      }
    }
    const stores = new Map([...tallies].map(([rule, { update: count }]) => [rule, count]));
    for (const [rule, count, known] of share(stores, updates?.stored ?? 0)) {
      const counts = this.#countsOf(rule);
      if (known === undefined) counts.uncertain += count;
      else {
        counts.stored += known;
        counts.not_stored += count - known;
      }
    }
    for (const [rule, { generation, scope, 'set-keys': sets }] of tallies) {
      const counts = this.#countsOf(rule);
      counts.other += generation + sets;
      counts.scopes += scope;
    }
  }

  /** Redis refuses the command for good. */
  poisoned({ rule }: CountedCommand): void {
    this.#countsOf(rule).poisoned += 1;
  }

  /** The places name other rules from now on. */
  reset(): void {
    this.#rules.clear();
  }

  #countsOf(rule: string): Counts {
    let counts = this.#rules.get(rule);
    if (counts === undefined) this.#rules.set(rule, (counts = { ...NOTHING }));
    return counts;
  }
}

/** Of a rule that had nothing to do yet. */
export const NOTHING: RuleCounts = {
  deleted: 0,
  absent: 0,
  stored: 0,
  not_stored: 0,
  uncertain: 0,
  other: 0,
  scopes: 0,
  poisoned: 0,
};

function tally(commands: readonly CountedCommand[]): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  let last: Tally | undefined;
  let lastRule: string | undefined;
  for (const { kind, rule } of commands) {
    // Those of one rule mostly stand side by side.
    if (last === undefined || rule !== lastRule) {
      last = tallies.get(rule) ?? { delete: 0, update: 0, 'set-keys': 0, generation: 0, scope: 0 };
      tallies.set(rule, last);
      lastRule = rule;
    }
    last[kind] += 1;
  }
  return tallies;
}

/** For each rule its commands, and how many of them are among the `successes` of all, where that is certain. */
function share(
  counts: ReadonlyMap<string, number>,
  successes: number,
): [rule: string, count: number, known: number | undefined][] {
  const concerned = [...counts].filter(([, count]) => count > 0);
  const total = concerned.reduce((sum, [, count]) => sum + count, 0);
  const certain = concerned.length === 1 || successes === 0 || successes >= total;
  return concerned.map(([rule, count]) => [rule, count, certain ? Math.min(count, successes) : undefined]);
}
