/** Where what was read waits while an operator holds it back. */
export class PauseGate {
  #closed = false;
  #wake: PromiseWithResolvers<void> | undefined;

  get isClosed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    this.nudge();
  }

  /** Lets whoever waits look around. */
  nudge(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }

  /** Resolves at the next `open` or `nudge`. */
  wait(): Promise<void> {
    this.#wake ??= Promise.withResolvers();
    return this.#wake.promise;
  }
}
