import { setTimeout as delay } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../config/durations.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { askSupervisor } from '../supervisor/control-client.ts';
import { askForReport, directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

interface StopFlags extends DirectoryFlags {
  readonly timeout?: number;
}

/** Beyond what a daemon may take by itself: shutdown_timeout is at most a few minutes, ms. */
const LONGEST_STOP = 3_600_000;
const MARGIN = 10_000;

/** `unstale stop`: the daemons finish what is open, and the supervisor ends. */
export function addStopCommand(program: Command): void {
  withRunDirectoryFlag(program.command('stop'))
    .description('let all daemons finish what is open, and end them and their supervisor')
    .option(
      '--timeout <duration>',
      'what is not done by then is ended at once, and repeated at the next start; shutdown_timeout and 10s if absent',
      parseTimeout,
    )
    .addHelpText('after', '\nExample:\n  $ unstale stop --timeout 30s')
    .action(async (flags: StopFlags) => {
      const { run } = directoriesOf(flags);
      const { supervisor, daemons } = await askForReport(run);
      await askSupervisor(
        run,
        { type: 'stop', ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }) },
        { silence: flags.timeout === undefined ? LONGEST_STOP : flags.timeout + MARGIN },
      );
      await untilGone(supervisor.pid);
      console.log(`stopped: ${daemons.map((daemon) => daemon.client_id).join(', ')}`);
    });
}

/** @throws UnstaleError UNSTALE_NOT_RUNNING when it stays all the same */
async function untilGone(pid: number): Promise<void> {
  for (const deadline = performance.now() + MARGIN; performance.now() < deadline; await delay(20)) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
  throw new UnstaleError(
    'UNSTALE_NOT_RUNNING',
    `all daemons are stopped, but the supervisor with pid ${pid} does not end; kill it`,
  );
}

function parseTimeout(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError('write for example 30s');
}
