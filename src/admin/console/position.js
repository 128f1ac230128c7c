import { byId, create, show } from './dom.js';
import { formatBytes, formatCount } from './format.js';

/** @typedef {import('./data.d.ts').Status} Status */
/** @typedef {import('./data.d.ts').Position} Position */

const NAMES = /** @type {const} */ ([
  ['received', 'Received', 'read from the binlog'],
  ['applied', 'Applied', 'acknowledged by Redis'],
  ['stored', 'Stored', 'where a restart goes on'],
]);

/** @param {Status} status */
export function showPosition({ position, retention, in_flight_bytes: inFlight }) {
  show(byId('position'), { position, retention, inFlight }, () => {
    const rows = NAMES.map(([name, title, meaning]) =>
      create(
        'tr',
        {},
        create('th', { scope: 'row' }, title, create('small', {}, meaning)),
        create('td', { class: 'mono' }, ...place(position[name])),
        create('td', { class: 'number' }, distance(position.received, position[name])),
      ),
    );
    const head = create(
      'tr',
      {},
      create('th', { scope: 'col' }, 'Position'),
      create('th', { scope: 'col' }, 'File and offset'),
      create('th', { scope: 'col', class: 'number' }, 'Behind'),
    );
    const table = create(
      'table',
      { class: 'plain' },
      create('thead', {}, head),
      create('tbody', {}, ...rows),
    );
    const facts = create(
      'dl',
      { class: 'facts' },
      ...purge(retention),
      ...fact('In flight', formatBytes(inFlight)),
    );
    const gtids = position.stored?.gtid_set;
    if (!gtids) return [table, facts];
    const details = create(
      'details',
      {},
      create('summary', {}, 'GTIDs of the stored position'),
      create('p', { class: 'mono' }, gtids),
    );
    return [table, facts, details];
  });
}

/** @param {Position | null} position */
function place(position) {
  if (position === null) return ['–'];
  return [position.file, create('wbr', {}), `:${position.offset}`];
}

/**
 * @param {Position | null} from
 * @param {Position | null} to
 */
function distance(from, to) {
  if (from === null || to === null) return '–';
  if (from.file !== to.file) return `since ${to.file.slice(to.file.lastIndexOf('.') + 1)}`;
  return from.offset === to.offset ? '0' : formatBytes(Math.max(0, from.offset - to.offset));
}

/** @param {Status['retention']} retention */
function purge(retention) {
  if (retention === null) return fact('To the next purge', 'not known');
  const { bytes_to_oldest_binlog: bytes, purge_near: near } = retention;
  const text = `${formatBytes(bytes)} of older binlog`;
  const exact = `${formatCount(bytes)} bytes from the server’s oldest file to the stored position`;
  const value = create('span', { title: exact }, text);
  return fact('To the next purge', near ? create('strong', { class: 'warning' }, 'near: ', value) : value);
}

/**
 * @param {string} name
 * @param {string | Node} value
 */
function fact(name, value) {
  return [create('div', {}, create('dt', {}, name), create('dd', {}, value))];
}
