import { enableActions, showActions } from './actions.js';
import { getData } from './api.js';
import { byId, setText } from './dom.js';
import { showErrors } from './errors.js';
import { formatTime } from './format.js';
import { showHeadline, showNoAnswer } from './headline.js';
import { History } from './history.js';
import { showPosition } from './position.js';
import { showRedis } from './redis.js';
import { showRules } from './rules.js';
import { enableTail } from './tail.js';

/** @typedef {import('./data.d.ts').ConsoleData} ConsoleData */

/** Between two questions, ms. */
const PAUSE = 2000;

const history = new History();
/** The process that the history is of. */
let startedAt = '';
let answeredAt = 0;
let asking = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

async function ask() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const data = await answer();
  asking = false;
  // Nobody looks at a hidden page, so it asks for nothing.
  if (!document.hidden) timer = setTimeout(() => void ask(), PAUSE);
  if (data === undefined) showLoss();
  else showAll(data);
}

/** @returns {Promise<ConsoleData | undefined>} undefined: there was none */
async function answer() {
  try {
    let data = await getData(history.until);
    if (data.status.started_at !== startedAt && startedAt !== '') {
      history.forget();
      data = await getData(0);
    }
    startedAt = data.status.started_at;
    answeredAt = Date.now();
    return data;
  } catch {
    return undefined;
  }
}

/** @param {ConsoleData} data */
function showAll(data) {
  const { status } = data;
  document.body.classList.remove('stale');
  setText(byId('lost'), '');
  history.add(data);
  showHeadline(status, history.samples);
  showActions(status);
  showPosition(status);
  showRedis(status);
  showRules(status);
  showErrors(data);
}

function showLoss() {
  document.body.classList.add('stale');
  showNoAnswer();
  showActions(undefined);
  if (answeredAt > 0)
    setText(byId('lost'), `The daemon does not answer. What is below is from ${formatTime(answeredAt)}.`);
  else setText(byId('lost'), 'The daemon does not answer.');
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void ask();
});
enableActions(() => void ask());
enableTail();
void ask();
