import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { asUnstaleError } from '../errors/unstale-error.ts';
import { endOfInterest } from './end-of-interest.ts';
import { formatStatus, hasStarted } from './status-text.ts';
import { askForReport, directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

interface StatusFlags extends DirectoryFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
}

const EXIT_FOUND_SOMETHING = 4;
/** ms */
const WATCH_INTERVAL = 2000;
const CLEAR_SCREEN = '\u001B[H\u001B[2J';

/** `unstale status`: what a supervisor and its daemons do. */
export function addStatusCommand(program: Command): void {
  withRunDirectoryFlag(program.command('status'))
    .description('show each daemon: state, position, lag, rate, restarts, last error and what to do about it')
    .option('--json', 'print JSON')
    .option(
      '--watch',
      'show it again every two seconds, until Ctrl-C, also while no supervisor runs; with --json an object a line',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ unstale status --watch\n\nExit code 0: all run or stand by, 4: at least one does not, 1: no supervisor runs.',
    )
    .action(async ({ json = false, watch = false, ...flags }: StatusFlags) => {
      const { run } = directoriesOf(flags);
      if (watch) return watchStatus(run, json);
      const report = await askForReport(run);
      console.log(json ? JSON.stringify(report, null, 2) : formatStatus(report));
      if (!report.daemons.every(hasStarted)) process.exitCode = EXIT_FOUND_SOMETHING;
    });
}

async function watchStatus(runDirectory: string, json: boolean): Promise<void> {
  const signal = endOfInterest();
  const clear = process.stdout.isTTY && !json ? CLEAR_SCREEN : '';
  while (!signal.aborted) {
    try {
      const report = await askForReport(runDirectory);
      console.log(json ? JSON.stringify(report) : `${clear}${formatStatus(report)}`);
    } catch (thrown) {
      const error = asUnstaleError(thrown);
      // One of its daemons may be about to start another.
      if (error.code !== 'UNSTALE_NOT_RUNNING') throw error;
      process.stdout.write(clear);
      console.error(error.message);
    }
    await delay(WATCH_INTERVAL, undefined, { signal }).catch(() => undefined);
  }
}
