import { act, Refusal } from './api.js';
import { byId, setText } from './dom.js';
import { askForToken } from './token.js';

/** @typedef {import('./data.d.ts').Status} Status */

const pause = byId('pause', HTMLButtonElement);
const resume = byId('resume', HTMLButtonElement);
const note = byId('action-note');
/** Why there are no such actions. */
let absent = '';
let busy = false;
/** @type {Status | undefined} */
let known;

/** @param {() => void} refresh asks for the state again */
export function enableActions(refresh) {
  const when = (/** @type {HTMLButtonElement} */ button, /** @type {'pause' | 'resume'} */ action) =>
    button.addEventListener('click', () => {
      if (button.getAttribute('aria-disabled') !== 'true') void perform(action, refresh);
    });
  when(pause, 'pause');
  when(resume, 'resume');
}

/** @param {Status | undefined} status undefined while the daemon does not answer */
export function showActions(status) {
  known = status;
  const paused = status?.paused_by_operator;
  if (status !== undefined)
    explain(paused === undefined ? 'This daemon cannot be paused: it has no POST /pause.' : '');
  const able = paused !== undefined && !busy;
  setDisabled(pause, !able || paused);
  setDisabled(resume, !able || !paused);
}

/** @param {string} reason why there are no such actions; empty if there are */
function explain(reason) {
  if (reason !== '' || note.textContent === absent) setText(note, reason);
  absent = reason;
}

/**
 * @param {'pause' | 'resume'} action
 * @param {() => void} refresh
 */
async function perform(action, refresh) {
  if (busy) return;
  busy = true;
  setText(note, '');
  showActions(known);
  try {
    await act(action);
    setText(note, action === 'pause' ? 'Paused.' : 'Resumed.');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const status = error instanceof Refusal ? error.status : undefined;
    if (status === 401) askForToken(() => void perform(action, refresh));
    if (status === 401) setText(note, `To ${action} it the daemon wants the token.`);
    else if (status === 404) setText(note, `This daemon has no POST /${action} (404).`);
    else setText(note, reason);
  } finally {
    busy = false;
    refresh();
  }
}

/**
 * It can still be reached by keyboard, so that its reason can be read, and whoever has just pressed it stays there.
 *
 * @param {HTMLButtonElement} button
 * @param {boolean} disabled
 */
function setDisabled(button, disabled) {
  button.setAttribute('aria-disabled', String(disabled));
}
