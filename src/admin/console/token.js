import { forgetToken, hasToken, rememberToken } from './api.js';
import { byId, setText } from './dom.js';

const form = byId('token', HTMLFormElement);
const input = byId('token-value', HTMLInputElement);
/** @type {Set<() => void>} */
const waiting = new Set();

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const token = input.value.trim();
  if (token === '') return;
  rememberToken(token);
  input.value = '';
  form.hidden = true;
  const retries = [...waiting];
  waiting.clear();
  for (const retry of retries) retry();
});

/**
 * Shows the field for the token; `retry` is what is done once there is one.
 *
 * @param {() => void} retry
 */
export function askForToken(retry) {
  const reason = hasToken()
    ? 'The daemon does not take this token.'
    : 'The daemon wants the token that its configuration names (admin.token).';
  forgetToken();
  waiting.add(retry);
  form.hidden = false;
  setText(byId('token-note'), `${reason} It stays in this tab only.`);
}
