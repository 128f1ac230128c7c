import type { Command } from 'commander';
import { askSupervisor } from '../supervisor/control-client.ts';
import { directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

/** A daemon may take long to finish what is open, and to start, ms. */
const LONGEST_SILENCE = 3_600_000;

/** `unstale restart`: new processes for the daemons, one by one. */
export function addRestartCommand(program: Command): void {
  withRunDirectoryFlag(program.command('restart'))
    .argument('[client_id...]', 'the daemons to restart; all if absent')
    .description('stop and start daemons one by one, each when the one before is ready')
    .addHelpText(
      'after',
      `
Examples:
  $ unstale restart
  $ unstale restart shop

It ends with exit code 1 at the first daemon that does not become ready; those behind it run on as they were.`,
    )
    .action(async (names: readonly string[], flags: DirectoryFlags) => {
      await askSupervisor(
        directoriesOf(flags).run,
        { type: 'restart', daemons: names },
        { progress: (line) => console.log(line), silence: LONGEST_SILENCE },
      );
    });
}
