import type { CommitMark } from '../../change/source-event.ts';
import type { Barrier, Log, Sleep, Visibility } from '../../pipeline/ports.ts';
import { AskedServer } from './asked-server.ts';
import type { BarrierServer } from './asked-server.ts';

export interface VisibilityBarrierOptions {
  /** Where the application reads: at least one server. */
  readonly servers: readonly BarrierServer[];
  /** Longest wait, ms; connecting comes on top. */
  readonly timeout: number;
  readonly sleep: Sleep;
  readonly log: Log;
  /** A batch has waited for `seconds`. */
  readonly onWaited: (seconds: number) => void;
  /** Whether a batch's changes are visible could not be found out in time. */
  readonly onUnknown: () => void;
}

/** The barrier on one or several servers, which are asked at the same time and all have to see a change. */
export class VisibilityBarrier implements Barrier {
  readonly #options: VisibilityBarrierOptions;
  readonly #servers: readonly AskedServer[];

  constructor(options: VisibilityBarrierOptions) {
    this.#options = options;
    const { timeout, sleep, log } = options;
    this.#servers = options.servers.map((server) => new AskedServer({ ...server, timeout, sleep, log }));
  }

  /** What each server's last answer was. */
  get answers(): readonly { readonly server: string; readonly answer: Visibility }[] {
    return this.#servers.map(({ name, state }) => ({ server: name, answer: state }));
  }

  async pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility> {
    if (marks.length === 0) return 'visible';
    const begun = performance.now();
    const asking = Promise.all(this.#servers.map((server) => server.pass(marks, signal)));
    const visibility = await untilAborted(asking.then(together), signal);
    if (signal.aborted) return visibility;
    this.#options.onWaited((performance.now() - begun) / 1000);
    if (visibility === 'unknown') this.#options.onUnknown();
    return visibility;
  }
}

/** A server that may still tell is worth asking again, also beside one that never will. */
function together(answers: readonly Visibility[]): Visibility {
  if (answers.includes('unknown')) return 'unknown';
  return answers.includes('unknowable') ? 'unknowable' : 'visible';
}

function untilAborted(asking: Promise<Visibility>, signal: AbortSignal): Promise<Visibility> {
  if (signal.aborted) return Promise.resolve('unknown');
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve('unknown');
    signal.addEventListener('abort', abort, { once: true });
    asking.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
