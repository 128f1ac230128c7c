import { setTimeout as sleep } from 'node:timers/promises';
import { runScript } from './cache-client.ts';
import type { ReaderCore } from './core.ts';
import { jitteredPause } from './expiry.ts';
import { fillCall, leaseRequest, releaseCall } from './lease.ts';
import type { Filling, Lease, LeaseAnswer } from './lease.ts';
import type { FillResult } from './observer.ts';

/** Between two questions of a reader that waits, ms: at first, and at most. */
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 50;

/** @throws what the client throws, and ReaderError for a time-out or an open circuit */
export async function askForLease(core: ReaderCore, key: string, refresh = false): Promise<LeaseAnswer> {
  const request = leaseRequest(key, { leaseMs: core.settings.leaseMs, refresh });
  const answer = await core.calls.ask(
    'getOrLease',
    () => runScript(core.client, request),
    // Nobody is there any more to use it, and others would wait for it.
    (late) => late.kind === 'lease' && release(core, late.lease),
  );
  core.observer.lease(key, answer.kind);
  return answer;
}

/**
 * Asks again and again while another reader has the lease, for as long as the reader may wait. Still `wait` in the
 * end: the time is over, or the reader is closed.
 * @throws as `askForLease`
 */
export async function waitForAnother(core: ReaderCore, key: string): Promise<LeaseAnswer> {
  const start = performance.now();
  let pause = FIRST_PAUSE;
  for (;;) {
    const left = core.settings.waitMs - (performance.now() - start);
    if (left <= 0 || core.loads.isClosed) {
      core.observer.wait(key, performance.now() - start, false);
      return { kind: 'wait', ms: 0 };
    }
    await sleep(Math.min(left, jitteredPause(pause, Math.random)));
    const answer = await askForLease(core, key);
    if (answer.kind !== 'wait') {
      core.observer.wait(key, performance.now() - start, answer.kind === 'hit');
      return answer;
    }
    pause = Math.min(LONGEST_PAUSE, pause * 1.5);
  }
}

/** Stores what was read under the lease. Does not fail: a value that is not stored is still a value. */
export async function fillLease(core: ReaderCore, lease: Lease, filling: Filling): Promise<FillResult> {
  const call = fillCall(lease, filling);
  let result: FillResult;
  try {
    result = await core.calls.ask('fill', () => runScript(core.client, call));
  } catch {
    result = 'failed';
  }
  core.observer.fill(lease.key, result);
  return result;
}

/** Gives the lease back. Nobody waits for it: it expires anyway. */
export function release(core: ReaderCore, lease: Lease): void {
  const call = releaseCall(lease);
  core.calls.run({
    command: 'fill',
    send: () => runScript(core.client, call),
    onReply: () => undefined,
    onFailure: () => undefined,
  });
}
