import { openTail, Refusal } from './api.js';
import { byId, setText } from './dom.js';
import { addLine, clearLines } from './tail-lines.js';
import { askForToken } from './token.js';

const note = byId('tail-note');
const follow = byId('tail-follow', HTMLButtonElement);
const key = byId('tail-key', HTMLInputElement);
const rule = byId('tail-rule', HTMLSelectElement);

/** How long somebody who types is waited for, ms. */
const TYPING = 400;
/** Before a stream that ended is opened again, ms. */
const AGAIN = 2000;

/** @type {AbortController | undefined} */
let open;
let wanted = true;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Follows from now on, while the page can be seen. */
export function enableTail() {
  follow.addEventListener('click', () => {
    wanted = !wanted;
    follow.setAttribute('aria-pressed', String(wanted));
    if (wanted) begin();
    else end('Stopped.');
  });
  byId('tail-clear').addEventListener('click', clearLines);
  byId('tail-filter').addEventListener('submit', (event) => event.preventDefault());
  const filter = (/** @type {number} */ patience) => {
    if (!wanted) return;
    end('Another filter.');
    clearLines();
    timer = setTimeout(begin, patience);
  };
  key.addEventListener('input', () => filter(TYPING));
  rule.addEventListener('change', () => filter(0));
  document.addEventListener('visibilitychange', () => {
    // A reader costs the daemon something for each key, and it has few places.
    if (document.hidden) end('Stopped while the page is hidden.');
    else if (wanted && open === undefined) begin();
  });
  if (!document.hidden) begin();
}

/** @param {string} reason */
function end(reason) {
  clearTimeout(timer);
  open?.abort();
  open = undefined;
  setText(note, reason);
}

function begin() {
  end('Opening the stream.');
  const mine = new AbortController();
  open = mine;
  void read(mine.signal).catch((error) => {
    if (mine.signal.aborted) return;
    open = undefined;
    failed(error);
  });
}

/** @param {unknown} error */
function failed(error) {
  if (error instanceof Refusal && error.status === 401) {
    setText(note, 'The live tail shows the names of keys: it needs the token.');
    askForToken(begin);
  } else if (error instanceof Refusal && error.status !== 429 && error.status < 500) {
    setText(note, error.message);
  } else {
    const reason = error instanceof Refusal ? error.message : 'The stream ended.';
    setText(note, `${reason} Trying again.`);
    timer = setTimeout(() => {
      if (wanted && !document.hidden) begin();
    }, AGAIN);
  }
}

/**
 * Reads until the stream ends, which is an error.
 *
 * @param {AbortSignal} signal
 */
async function read(signal) {
  const stream = await openTail({ key: globOf(key.value), rule: rule.value }, signal);
  setText(
    note,
    key.value === '' && rule.value === '' ? 'Following all keys.' : 'Following the keys that match.',
  );
  const [reader, decoder] = [stream.getReader(), new TextDecoder()];
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('ended');
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) accept(line);
  }
}

/** @param {string} text */
function accept(text) {
  if (text === '') return;
  const line = JSON.parse(text);
  if (line.kind !== undefined || line.dropped !== undefined) addLine(line);
}

/**
 * A text without wildcards is looked for anywhere in a key.
 *
 * @param {string} text
 */
function globOf(text) {
  const wanted = text.trim();
  return wanted === '' || /[*?[]/.test(wanted) ? wanted : `*${wanted}*`;
}
