import { byId, create, show } from './dom.js';
import { formatMoment } from './format.js';

/** @typedef {import('./data.d.ts').ConsoleData} ConsoleData */
/** @typedef {import('./data.d.ts').RecentError} RecentError */

/** @param {ConsoleData} data */
export function showErrors({ status, now }) {
  show(byId('error-list'), status.recent_errors, (errors) => {
    if (errors.length === 0) return [create('p', { class: 'note' }, 'None since the start.')];
    return [create('ol', { class: 'errors' }, ...errors.map((error) => describeError(error, now)))];
  });
}

/**
 * @param {RecentError} error
 * @param {number} now
 */
function describeError({ level, code, message, hint, count, first_at: first, last_at: last }, now) {
  const times = count === 1 ? '' : `${count} times since ${formatMoment(first, now)}`;
  return create(
    'li',
    {},
    create(
      'p',
      { class: 'error-head' },
      create('time', { datetime: last }, formatMoment(last, now)),
      create('code', { class: level === 'error' ? 'bad' : 'warning' }, code),
      create('span', { class: 'note' }, times),
    ),
    create('p', {}, message),
    create('p', { class: 'note' }, hint),
  );
}
