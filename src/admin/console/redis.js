import { byId, create, show } from './dom.js';
import { formatBytes, formatCount, formatDuration } from './format.js';

/** @typedef {import('./data.d.ts').Status} Status */
/** @typedef {import('./data.d.ts').RedisNode} RedisNode */

/** @param {Status} status */
export function showRedis({ redis }) {
  show(byId('redis'), redis, ({ nodes, reachable, name }) => {
    const word = reachable ? 'Reachable' : 'Not reachable';
    const [only, ...others] = nodes;
    const single = only !== undefined && others.length === 0;
    const what = single ? titleOf(only) : `${name} · ${nodes.length} masters`;
    const head = create('p', {}, create('strong', { class: reachable ? 'good' : 'bad' }, word), ` · ${what}`);
    return [head, ...nodes.map((node) => describeNode(node, single))];
  });
}

/** @param {RedisNode} node */
function titleOf({ name, role, version }) {
  return [name, role === 'slave' ? 'replica' : role, version].filter(Boolean).join(' · ');
}

/**
 * @param {RedisNode} node
 * @param {boolean} single its name stands above already
 */
function describeNode(node, single) {
  const { ping_ms: ping } = node;
  const facts = create(
    'dl',
    { class: 'facts' },
    ...fact('Ping', ping === null ? 'no answer' : formatDuration(ping)),
    ...fact('Evicted keys', known(node.evicted_keys, formatCount)),
    ...fact('Blocked clients', known(node.blocked_clients, formatCount)),
    ...fact('Memory', memory(node)),
    ...fact('Eviction', node.maxmemory_policy ?? 'not known'),
    ...fact('Replicas', replicas(node)),
  );
  const parts = single ? [facts] : [create('h3', { class: 'mono' }, titleOf(node)), facts];
  if (node.memory_max_bytes && node.memory_used_bytes !== null)
    parts.push(bar(node.memory_used_bytes, node.memory_max_bytes));
  if (node.evicts_all_keys === true) {
    parts.push(
      create(
        'p',
        { class: 'warning' },
        'This policy evicts any key, also those that keep leases and versions. Use volatile-… or noeviction.',
      ),
    );
  }
  if (node.info === 'unknown' && ping !== null) {
    parts.push(create('p', { class: 'note' }, 'The user may not ask INFO (+info): only the ping is known.'));
  }
  return create('div', { class: 'node' }, ...parts);
}

/** @param {RedisNode} node */
function memory({ memory_used_bytes: used, memory_max_bytes: max }) {
  if (used === null) return 'not known';
  return max ? `${formatBytes(used)} of ${formatBytes(max)}` : `${formatBytes(used)}, no limit`;
}

/** @param {RedisNode} node */
function replicas({ replicas: count, replica_lag_bytes: lag }) {
  if (count === null) return 'not known';
  return lag === null ? String(count) : `${count}, ${formatBytes(lag)} behind`;
}

/**
 * @param {number} used
 * @param {number} max
 */
function bar(used, max) {
  const meter = create('meter', {
    min: '0',
    max: String(max),
    value: String(used),
    high: String(max * 0.9),
    optimum: '0',
  });
  meter.setAttribute('aria-label', 'Memory used');
  return meter;
}

/**
 * @param {number | null} value
 * @param {(value: number) => string} format
 */
function known(value, format) {
  return value === null ? 'not known' : format(value);
}

/**
 * @param {string} name
 * @param {string} value
 */
function fact(name, value) {
  return [create('div', {}, create('dt', {}, name), create('dd', {}, value))];
}
