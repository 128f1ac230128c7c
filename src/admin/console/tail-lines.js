import { byId, create } from './dom.js';
import { formatDuration, formatInstant } from './format.js';

/** @typedef {import('./data.d.ts').TailLine} TailLine */

/** Lines on the page. */
const MOST = 200;
/** Between two changes of the page, ms: nobody reads faster. */
const PAUSE = 200;

const list = byId('tail-lines');
/** @type {TailLine[]} */
let waiting = [];
let left = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {TailLine} line */
export function addLine(line) {
  waiting.push(line);
  if (waiting.length > MOST) {
    waiting.shift();
    left += 1;
  }
  timer ??= setTimeout(flush, PAUSE);
}

export function clearLines() {
  waiting = [];
  left = 0;
  list.replaceChildren();
}

function flush() {
  timer = undefined;
  const items = waiting.map(describe).toReversed();
  if (left > 0) items.push(create('li', { class: 'gap' }, `${left} lines more than this page shows`));
  waiting = [];
  left = 0;
  list.prepend(...items);
  while (list.children.length > MOST) list.lastElementChild?.remove();
}

/** @param {TailLine} line */
function describe(line) {
  const { at, kind = '', key, pattern, rule = '', result = '', reason, lag_ms: lag, dropped } = line;
  if (dropped !== undefined) {
    return create('li', { class: 'gap' }, `${dropped} lines left out: this browser was too slow for them`);
  }
  const name = key ?? (pattern === undefined ? '' : `${pattern}  (${reason ?? 'scope'})`);
  return create(
    'li',
    { 'data-result': result },
    create('time', { datetime: at }, formatInstant(at)),
    create('span', { class: 'kind' }, kind),
    create('span', { class: 'name' }, name),
    create('span', { class: 'result' }, result.replace('_', ' ')),
    create('span', { class: 'lag' }, lag === undefined ? '' : formatDuration(lag)),
    create('span', { class: 'rule' }, rule),
  );
}
