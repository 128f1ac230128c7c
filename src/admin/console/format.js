const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/**
 * Below ten with one digit behind the point, large ones as 12.3K.
 *
 * @param {number} value
 */
export function formatRate(value) {
  if (value === 0) return '0';
  if (value < 10) return value.toFixed(1).replace('.0', '');
  return value < 10_000 ? whole.format(value) : short.format(value);
}

/** @param {number} value */
export function formatCount(value) {
  return value < 1_000_000 ? whole.format(value) : short.format(value);
}

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms < 1) return ms === 0 ? '0 ms' : `${ms.toFixed(1)} ms`;
  if (ms < 10) return `${ms.toFixed(1).replace('.0', '')} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0).replace('.0', '')} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const stopwatch = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

/** @param {string | number | Date} at */
export function formatTime(at) {
  return clock.format(new Date(at));
}

/**
 * To the millisecond.
 *
 * @param {string} at
 */
export function formatInstant(at) {
  return stopwatch.format(new Date(at));
}

/**
 * The date too, unless it is today's.
 *
 * @param {string} at
 * @param {number} now
 */
export function formatMoment(at, now) {
  const date = new Date(at);
  const today = date.toDateString() === new Date(now).toDateString();
  return today ? formatTime(date) : `${date.toISOString().slice(0, 10)} ${formatTime(date)}`;
}
