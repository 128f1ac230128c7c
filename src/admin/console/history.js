import { Chart } from './chart.js';
import { byId } from './dom.js';
import { formatDuration, formatRate } from './format.js';
import { delayScale, rateScale } from './scale.js';

/** @typedef {import('./data.d.ts').ConsoleData} ConsoleData */
/** @typedef {import('./data.d.ts').Sample} Sample */

const REACH = 15 * 60_000;

/** What the daemon has told of the last quarter of an hour, and its charts. */
export class History {
  /** @type {readonly Sample[]} */
  #samples = [];
  #delay = new Chart(byId('delay-chart'), {
    name: 'Delay from commit to Redis',
    format: formatDuration,
    scale: delayScale,
    series: [
      { label: 'worst', tone: 'b', read: worst },
      { label: 'mean', tone: 'a', filled: true, read: ({ delay_mean_ms: mean }) => mean },
    ],
  });
  #rate = new Chart(byId('rate-chart'), {
    name: 'Throughput',
    format: (value) => `${formatRate(value)}/s`,
    scale: rateScale,
    series: [
      { label: 'rows', tone: 'b', read: ({ rows }) => rows },
      { label: 'keys', tone: 'a', filled: true, read: ({ commands }) => commands },
    ],
  });

  /** When the newest sample was taken: what the daemon is asked for is newer. */
  get until() {
    return this.#samples.at(-1)?.at ?? 0;
  }

  /** @returns {readonly Sample[]} */
  get samples() {
    return this.#samples;
  }

  /** Another process has other samples. */
  forget() {
    this.#samples = [];
  }

  /** @param {ConsoleData} data */
  add({ samples, now, interval_ms: interval }) {
    const known = this.until;
    this.#samples = [...this.#samples, ...samples.filter(({ at }) => at > known)].filter(
      ({ at }) => now - at < REACH,
    );
    this.#delay.update(this.#samples, now, interval);
    this.#rate.update(this.#samples, now, interval);
  }
}

/**
 * What waits counts as well as what is done, and nothing at all as no delay.
 *
 * @param {Sample} sample
 */
function worst({ delay_max_ms: max, lag_ms: lag }) {
  return max === null && lag === null ? null : Math.max(max ?? 0, lag ?? 0);
}
