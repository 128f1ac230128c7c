import type { Side } from './follower.ts';
import { SIDES } from './follower.ts';
import { median } from './statistics.ts';

export interface Comparison {
  readonly scenario: string;
  /** Name and unit. */
  readonly metric: string;
  /** Medians over the rounds. */
  readonly unstale: number;
  readonly naive: number;
  /** unstale / naive: the median of the ratios of the pairs, whose two rounds ran one after the other. */
  readonly ratio: number;
}

/** The figures of one scenario, all rounds of both sides. */
export class Measurements {
  readonly scenario: string;
  readonly #rounds = new Map<string, Record<Side, number[]>>();

  constructor(scenario: string) {
    this.scenario = scenario;
  }

  add(metric: string, side: Side, value: number): void {
    const rounds = this.#rounds.get(metric) ?? { unstale: [], naive: [] };
    rounds[side].push(value);
    this.#rounds.set(metric, rounds);
  }

  compare(): Comparison[] {
    return [...this.#rounds].map(([metric, { unstale, naive }]) => ({
      scenario: this.scenario,
      metric,
      unstale: median(unstale),
      naive: median(naive),
      ratio: median(unstale.map((value, pair) => value / (naive[pair] ?? Number.NaN))),
    }));
  }

  toJSON(): object {
    return {
      scenario: this.scenario,
      metrics: [...this.#rounds].map(([metric, rounds]) => ({
        metric,
        ...Object.fromEntries(SIDES.map((side) => [side, rounds[side]])),
      })),
    };
  }
}
