import { byId, create, setText, show } from './dom.js';
import { formatCount, formatDuration, formatRate } from './format.js';

/** @typedef {import('./data.d.ts').Status} Status */
/** @typedef {import('./data.d.ts').Sample} Sample */
/** @typedef {'good' | 'warn' | 'bad' | 'idle'} Tone */

/** Its own shape for each tone: not everybody tells the colours apart. @type {Readonly<Record<Tone, string>>} */
const GLYPHS = {
  good: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1.4 14.2-4-4 1.5-1.5 2.5 2.5 5.3-5.3 1.5 1.5Z',
  warn: 'M12 2.6 22.6 21H1.4Zm-1.1 6.6v6h2.2v-6Zm0 7.4v2.2h2.2v-2.2Z',
  bad: 'M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9Zm.8 5.2L7.2 8.7l3.3 3.3-3.3 3.3 1.5 1.5 3.3-3.3 3.3 3.3 1.5-1.5-3.3-3.3 3.3-3.3-1.5-1.5-3.3 3.3Z',
  idle: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 2.4a7.6 7.6 0 1 1 0 15.2 7.6 7.6 0 0 1 0-15.2Z',
};

/**
 * The state in a word, a sentence and a tone.
 *
 * @param {Status} status
 * @returns {{ tone: Tone, word: string, line: string }}
 */
function judge(status) {
  const { state, ready, live, lease } = status;
  if (!live) return { tone: 'bad', word: 'Ended by an error', line: 'The daemon does no more work.' };
  if (state === 'draining' || state === 'stopped')
    return { tone: 'warn', word: 'Stopping', line: 'Nothing new is read; what is open is finished.' };
  if (state === 'starting') return { tone: 'idle', word: 'Starting', line: 'It does not follow MySQL yet.' };
  if (state === 'standby') {
    const leader = lease?.holder === undefined ? 'Another daemon' : lease.holder;
    return {
      tone: 'idle',
      word: 'Standing by',
      line: `${leader} leads; this one takes over when it is gone.`,
    };
  }
  if (status.paused_by_operator === true)
    return {
      tone: 'warn',
      word: 'Paused',
      line: 'Somebody paused it: Redis keeps old values until it is resumed.',
    };
  if (!ready) return { tone: 'bad', word: 'Not ready', line: 'Redis may hold old values.' };
  if (status.dry_run) return { tone: 'good', word: 'Dry run', line: 'It follows MySQL and deletes nothing.' };
  const [first] = warnings(status);
  const line = 'Redis follows MySQL.';
  return first === undefined ? { tone: 'good', word: 'Ready', line } : { tone: 'warn', word: 'Ready', line };
}

/**
 * What is true while it is ready, and should not be.
 *
 * @param {Status} status
 */
function warnings({ retention, redis, paused, reloading }) {
  const found = [];
  if (retention?.purge_near === true)
    found.push('The server may soon purge binlog that was not read (UNSTALE_PURGE_NEAR).');
  const evicting = redis.nodes.filter((node) => node.evicts_all_keys === true);
  if (evicting.length > 0) {
    const names = evicting.map(({ name, maxmemory_policy: policy }) => `${name}: ${policy}`).join(', ');
    found.push(`Redis may evict any key, also those that keep leases and versions (${names}).`);
  }
  if (paused) found.push('The binlog is held back, because Redis is slower.');
  if (reloading) found.push('Another configuration is on its way.');
  return found;
}

/**
 * @param {Status} status
 * @param {readonly Sample[]} samples
 */
export function showHeadline(status, samples) {
  const { tone, word, line } = judge(status);
  showWord(tone, word, line);
  setText(byId('client'), status.client_id);
  setText(byId('link'), `${word} · live`);
  setText(document.querySelector('title') ?? byId('client'), `${word} – ${status.client_id} – unstale`);
  show(byId('reasons'), [...status.reasons, ...warnings(status)], (reasons) =>
    reasons.map((reason) => create('li', {}, reason)),
  );
  show(byId('figures'), figures(status, samples), (all) =>
    all.map(([name, value, note]) =>
      create('div', {}, create('dt', {}, name), create('dd', {}, value, create('small', {}, note))),
    ),
  );
}

/** The daemon does not answer: what it was is not what it is. */
export function showNoAnswer() {
  const word = 'No answer';
  showWord(
    'bad',
    word,
    'Nobody knows whether Redis follows MySQL. This page asks again until the daemon answers.',
  );
  setText(byId('link'), word);
  setText(document.querySelector('title') ?? byId('client'), `${word} – unstale`);
  show(byId('reasons'), [], () => []);
}

/**
 * @param {Tone} tone
 * @param {string} word
 * @param {string} line
 */
function showWord(tone, word, line) {
  byId('state').dataset['tone'] = tone;
  byId('link').dataset['tone'] = tone;
  byId('glyph-path', SVGPathElement).setAttribute('d', GLYPHS[tone]);
  setText(byId('state-word'), word);
  setText(byId('state-line'), line);
}

/**
 * @param {Status} status
 * @param {readonly Sample[]} samples
 * @returns {[name: string, value: string, note: string][]}
 */
function figures(status, samples) {
  const minute = samples.slice(-20);
  const means = minute.flatMap(({ delay_mean_ms: mean }) => mean ?? []);
  const mean = means.reduce((sum, one) => sum + one, 0) / means.length;
  const last = samples.at(-1);
  const pings = status.redis.nodes.flatMap(({ ping_ms: ping }) => ping ?? []);
  return [
    ['Lag now', status.lag_ms === null ? '–' : formatDuration(status.lag_ms), 'oldest change that waits'],
    ['Commit to Redis', means.length === 0 ? '–' : formatDuration(mean), 'mean of the last minute'],
    [
      'Keys',
      last === undefined ? '–' : `${formatRate(last.commands)}/s`,
      `${formatCount(status.totals.commands)} in all`,
    ],
    [
      'Rows',
      last === undefined ? '–' : `${formatRate(last.rows)}/s`,
      `${formatCount(status.totals.rows)} in all`,
    ],
    [
      'Redis ping',
      pings.length === 0 ? '–' : formatDuration(Math.max(...pings)),
      status.redis.reachable ? 'reachable' : 'not reachable',
    ],
    ['Role', ...role(status)],
    [
      'Up for',
      formatDuration(Math.max(1000, status.uptime_seconds * 1000)),
      `since ${status.started_at.slice(0, 16).replace('T', ' ')} UTC`,
    ],
  ];
}

/**
 * @param {Status} status
 * @returns {[value: string, note: string]}
 */
function role({ leader, state, lease }) {
  if (leader === undefined) return ['Alone', 'no other daemon is asked'];
  if (leader) return ['Leader', lease ? `fencing token ${lease.fencing_token}` : 'holds the lease'];
  return [
    state === 'standby' ? 'Standby' : 'Follower',
    lease ? `${lease.holder} leads` : 'nobody is known to lead',
  ];
}
