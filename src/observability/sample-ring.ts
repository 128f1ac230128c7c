/** The last samples of something, the oldest first; `at` is in ms since the epoch and only grows. */
export class SampleRing<Sample extends { readonly at: number }> {
  readonly #samples: Sample[] = [];
  readonly #capacity: number;
  /** Where the oldest one is, once all places are taken. */
  #oldest = 0;

  /** @param capacity samples, at least one */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(sample: Sample): void {
    if (this.#samples.length < this.#capacity) {
      this.#samples.push(sample);
      return;
    }
    this.#samples[this.#oldest] = sample;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** Those that were taken after `at`. */
  since(at: number): readonly Sample[] {
    const inOrder = [...this.#samples.slice(this.#oldest), ...this.#samples.slice(0, this.#oldest)];
    return inOrder.filter((sample) => sample.at > at);
  }
}
