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
  if (status !== undefined && paused === undefined)
    absent = 'This daemon cannot be paused: it has no POST /pause.';
  else if (status?.state === 'standby') absent = 'A daemon that stands by cannot be paused.';
  else if (paused !== undefined && !absent.includes('404')) absent = '';
  const able = status !== undefined && absent === '' && !busy;
  setDisabled(pause, !able || paused === true);
  setDisabled(resume, !able || paused !== true);
  if (absent !== '') setText(note, absent);
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
    if (error instanceof Refusal && error.status === 404)
      absent = `This daemon has no POST /${action} (404).`;
    if (error instanceof Refusal && error.status === 401)
      askForToken(reason, () => void perform(action, refresh));
    setText(note, reason);
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
