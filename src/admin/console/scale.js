/**
 * Which marks an axis has for values up to `most`, from the lowest, and how high a value stands, 0 to 1.
 *
 * @typedef {object} Scale
 * @property {readonly number[]} marks
 * @property {(value: number) => number} height
 */

/** From a millisecond to two hours, each about ten times the one before. */
const DELAYS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 7_200_000];

/**
 * Delays, ms: one of a millisecond can be told from one of ten, also beside one of minutes. Equal steps between marks.
 *
 * @param {number} most
 * @returns {Scale}
 */
export function delayScale(most) {
  const last = DELAYS.findIndex((mark, index) => index >= 2 && mark >= most);
  const marks = DELAYS.slice(0, last === -1 ? DELAYS.length : last + 1);
  const steps = marks.length - 1;
  const height = (/** @type {number} */ value) => {
    const above = marks.findIndex((mark) => mark >= value);
    if (above === -1) return 1;
    const [low, high] = [marks[above - 1], marks[above]];
    if (low === undefined || high === undefined) return 0;
    return (above - 1 + Math.log(value / low) / Math.log(high / low)) / steps;
  };
  return { marks, height };
}

const MINUTE = 60_000;

/**
 * How much time is shown of a daemon that is known for `age`, minutes: what it did in its first minute is more than a dot then.
 *
 * @param {number} age ms
 */
export function minutesShown(age) {
  return [3, 6].find((minutes) => minutes * MINUTE >= age) ?? 15;
}

/**
 * From 0 to 1, 2 or 5 times a power of ten.
 *
 * @param {number} most
 * @returns {Scale}
 */
export function rateScale(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(10, most)));
  const top = ([1, 2, 5].find((factor) => factor * power >= most) ?? 10) * power;
  return { marks: [0, top / 2, top], height: (value) => value / top };
}
