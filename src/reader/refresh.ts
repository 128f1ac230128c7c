import type { KeyRead, ReaderCore } from './core.ts';
import { askForLease } from './leasing.ts';
import { loadUnderLease } from './read-through.ts';
import type { RefreshSchedule } from './refresh-schedule.ts';

/**
 * Loads a key anew in the background if its time has come, while its value is still served. A change that commits
 * meanwhile voids the lease, as with any fill.
 */
export function refreshWhenDue<V>(
  core: ReaderCore,
  schedule: RefreshSchedule,
  read: Omit<KeyRead<V>, 'flight'>,
): void {
  if (core.calls.state !== 'closed' || !schedule.claim(read.key)) return;
  void refresh(core, schedule, read);
}

async function refresh<V>(
  core: ReaderCore,
  schedule: RefreshSchedule,
  read: Omit<KeyRead<V>, 'flight'>,
): Promise<void> {
  try {
    const answer = await askForLease(core, read.key, true);
    if (answer.kind === 'lease')
      await loadUnderLease(core, { ...read, flight: undefined }, answer.lease, 'refresh');
    // Another process is at it already, or the key is not ours any more.
    else schedule.forget(read.key);
  } catch (error) {
    core.observer.refreshFailed(read.key, error);
  } finally {
    schedule.finished(read.key);
  }
}
