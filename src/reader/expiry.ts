/** Random numbers from 0 up to, but not including, 1. */
export type Random = () => number;

/**
 * The TTL of one value, ms: up to `jitter` (0.1 is a tenth) shorter than `ttlMs`, so that values which were stored
 * together do not expire together. Never longer: the TTL is a promise of how old a value can be.
 */
export function jitteredTtl(ttlMs: number, jitter: number, random: Random): number {
  return Math.max(1, Math.round(ttlMs * (1 - jitter * random())));
}

/** A pause of `ms`, half of it fixed and half at random, so that readers which wait do not ask together. */
export function jitteredPause(ms: number, random: Random): number {
  return ms * (0.5 + random() / 2);
}

/**
 * Whether to refresh a value `remainingMs` before it expires (XFetch, "Optimal Probabilistic Cache Stampede
 * Prevention", 2015): the likelier, the nearer the expiry and the longer a load takes. A `beta` above 1 refreshes
 * earlier.
 */
export function isTimeToRefresh(remainingMs: number, loadMs: number, beta: number, random: Random): boolean {
  // 1 - random() is above 0, so that the logarithm is finite.
  return -Math.log(1 - random()) * loadMs * beta >= remainingMs;
}
