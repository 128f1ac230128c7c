import { byId, create, show } from './dom.js';
import { formatCount } from './format.js';

/** @typedef {import('./data.d.ts').Status} Status */
/** @typedef {import('./data.d.ts').Rule} Rule */

/** In the order of the table's columns. */
const COUNTS = /** @type {const} */ ([
  ['deleted', 'Deleted'],
  ['absent', 'Absent'],
  ['stored', 'Stored'],
  ['not_stored', 'Not stored'],
  ['uncertain', 'Uncertain'],
  ['other', 'Other'],
  ['scopes', 'Scopes'],
  ['held', 'Held'],
  ['poisoned', 'Poisoned'],
]);

/** @param {Status} status */
export function showRules({ rules }) {
  show(byId('rule-rows'), rules, (all) => all.map(describeRule));
  const names = rules.map(({ rule, table }) => [rule, `${rule} ${table}`]);
  const select = byId('tail-rule', HTMLSelectElement);
  const chosen = select.value;
  show(select, names, () => [
    create('option', { value: '' }, 'all'),
    ...names.map(([rule = '', label = '']) => create('option', { value: rule }, label)),
  ]);
  select.value = rules.some(({ rule }) => rule === chosen) ? chosen : '';
}

/** @param {Rule} rule */
function describeRule(rule) {
  const cells = COUNTS.map(([name, label]) => {
    const value = rule[name];
    const tone = value > 0 && name === 'poisoned' ? ' bad' : value > 0 && name === 'held' ? ' warning' : '';
    // The label is for narrow screens, where the table has no head.
    const attributes = {
      role: 'cell',
      class: `number${value === 0 ? ' zero' : ''}${tone}`,
      'data-label': label,
    };
    return create('td', attributes, formatCount(value));
  });
  return create(
    'tr',
    { role: 'row' },
    create('th', { role: 'rowheader', scope: 'row', class: 'mono' }, rule.rule),
    create('td', { role: 'cell', class: 'mono' }, rule.table, create('small', {}, ` ${rule.does}`)),
    ...cells,
  );
}
