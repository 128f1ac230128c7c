import type { Command } from 'commander';
import { runInForeground } from '../foreground.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

/** `unstale run`: the daemon in the foreground, until SIGTERM or SIGINT. */
export function addRunCommand(program: Command): void {
  withConfigFlags(program.command('run'))
    .description('follow the binlog and remove the keys of changed rows, until SIGTERM or SIGINT')
    .addHelpText('after', '\nExample:\n  $ unstale run -c unstale.yaml')
    .action(async (flags: ConfigFlags) => {
      await runInForeground(await configOf(flags), () => process.exit(1));
    });
}
