import type { MappingPlan } from '../mapping/plan.ts';
import type { Delivery } from './delivery.ts';
import { ratesAfter } from './rates-after.ts';

/** The delivery of one mapping's batches. */
interface PlannedDelivery {
  readonly delivery: Delivery;
  readonly plan: MappingPlan;
}

/** The delivery of the mapping in force, and those of earlier ones that are not done yet. */
export class Deliveries {
  #current: PlannedDelivery;
  #earlier: readonly (PlannedDelivery & { readonly lastSeq: number })[] = [];

  constructor(delivery: Delivery, plan: MappingPlan) {
    this.#current = { delivery, plan };
  }

  get current(): Delivery {
    return this.#current.delivery;
  }

  /** Whether Redis did not take something, which waits for another attempt. */
  get retrying(): boolean {
    return this.#all().some((delivery) => delivery.retrying);
  }

  /** Deletes that wait for their rule's limit. */
  get held(): number {
    return this.#all().reduce((sum, { held }) => sum + held, 0);
  }

  /** Deletes that wait for the limit of this rule. */
  heldOf(rule: string): number {
    return this.#all().reduce((sum, delivery) => sum + delivery.heldOf(rule), 0);
  }

  /**
   * Another mapping takes over. What earlier ones hold goes at its rates.
   * @param lastSeq of the last batch that the present one has got
   * @param oldestSeq of the oldest batch that is not acknowledged yet; undefined if there is none
   */
  replace(delivery: Delivery, plan: MappingPlan, lastSeq: number, oldestSeq: number | undefined): void {
    this.#earlier = [...this.#earlier, { ...this.#current, lastSeq }].filter(
      (earlier) => oldestSeq !== undefined && oldestSeq <= earlier.lastSeq,
    );
    for (const earlier of this.#earlier) earlier.delivery.retune(ratesAfter(earlier.plan, plan));
    this.#current = { delivery, plan };
  }

  #all(): readonly Delivery[] {
    return [...this.#earlier, this.#current].map(({ delivery }) => delivery);
  }
}
