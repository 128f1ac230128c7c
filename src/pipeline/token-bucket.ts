/**
 * Tokens that come at a constant rate and are kept for one second at most, so that in any span of `t` seconds no
 * more than `rate * (t + 1)` are taken. Times are in ms of any clock that never goes back.
 */
export class TokenBucket {
  #rate: number;
  #tokens: number;
  #at: number | undefined;

  /** @param rate tokens in a second, above 0; starts full */
  constructor(rate: number) {
    this.#rate = rate;
    this.#tokens = this.burst;
  }

  /** Tokens come at this rate from `now` on; those that are there are kept, up to the new burst. */
  retune(rate: number, now: number): void {
    this.#fill(now);
    this.#rate = rate;
  }

  /** The most that can be taken at once. */
  get burst(): number {
    return Math.max(1, Math.floor(this.#rate));
  }

  /** Takes as many as there are, `wanted` at most; returns how many. */
  take(wanted: number, now: number): number {
    this.#fill(now);
    const taken = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= taken;
    return taken;
  }

  /** ms until `wanted` tokens, `burst` at most, are there. */
  delay(wanted: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(wanted, this.burst) - this.#tokens;
    return missing <= 0 ? 0 : Math.ceil((missing * 1000) / this.#rate);
  }

  #fill(now: number): void {
    const elapsed = Math.max(0, now - (this.#at ?? now));
    this.#tokens = Math.min(this.burst, this.#tokens + (elapsed * this.#rate) / 1000);
    this.#at = Math.max(now, this.#at ?? now);
  }
}
