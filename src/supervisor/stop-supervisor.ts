import { UnstaleError } from '../errors/unstale-error.ts';
import { isStillRunning, noteProcess } from '../runtime/process-identity.ts';
import { sleep } from '../runtime/sleep.ts';
import { askSupervisor } from './control-client.ts';

/** Without a deadline of one's own the daemons' deadlines hold, which are minutes at most, ms. */
const LONGEST_STOP = 3_600_000;
/** Between the end of the daemons and that of the supervisor, ms. */
const MARGIN = 10_000;

/**
 * Stops a supervisor and its daemons; resolves when its process has ended.
 *
 * @param pid its process
 * @param timeout what is not finished by then is killed, ms; by each daemon's own deadline unless given
 * @throws UnstaleError UNSTALE_NOT_RUNNING when it does not answer, or does not end
 */
export async function stopSupervisor(runDirectory: string, pid: number, timeout?: number): Promise<void> {
  const supervisor = noteProcess(pid);
  await askSupervisor(
    runDirectory,
    { type: 'stop', ...(timeout === undefined ? {} : { timeout }) },
    { silence: timeout === undefined ? LONGEST_STOP : timeout + MARGIN },
  );
  for (const deadline = performance.now() + MARGIN; performance.now() < deadline; await sleep(20))
    if (!isStillRunning(supervisor)) return;
  throw new UnstaleError(
    'UNSTALE_NOT_RUNNING',
    `all daemons are stopped, but the supervisor with pid ${pid} does not end; kill it`,
  );
}
