import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
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
    .option('--watch', 'show it again every two seconds, until Ctrl-C; with --json an object a line')
    .addHelpText(
      'after',
      '\nExample:\n  $ unstale status --watch\n\nExit code 0: all run or stand by, 4: at least one does not, 1: no supervisor runs.',
    )
    .action(async ({ json = false, watch = false, ...flags }: StatusFlags) => {
      const { run } = directoriesOf(flags);
      for (;;) {
        const report = await askForReport(run);
        if (json) console.log(JSON.stringify(report, null, watch ? undefined : 2));
        else console.log(`${watch && process.stdout.isTTY ? CLEAR_SCREEN : ''}${formatStatus(report)}`);
        if (!watch) {
          if (!report.daemons.every(hasStarted)) process.exitCode = EXIT_FOUND_SOMETHING;
          return;
        }
        await delay(WATCH_INTERVAL);
      }
    });
}
