import type { Command } from 'commander';
import type { Settings } from '../config/config.ts';
import { asDryRun } from '../config/dry-run.ts';
import { settingsOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

interface RunFlags extends ConfigFlags {
  readonly dryRun?: boolean;
}

/**
 * `unstale run`: the daemon in the foreground, until SIGTERM or SIGINT.
 *
 * @param run what is done with the settings; `load` reads them
 */
export function addRunCommand(program: Command, run: (load: () => Promise<Settings>) => Promise<void>): void {
  withConfigFlags(program.command('run'))
    .description('follow the binlog and remove the keys of changed rows, until SIGTERM or SIGINT')
    .option('--dry-run', 'write nothing: no delete in Redis, no position; log what each rule would have done')
    .addHelpText('after', '\nExample:\n  $ unstale run -c unstale.yaml')
    .action((flags: RunFlags) =>
      run(async () => (flags.dryRun ? asDryRun(await settingsOf(flags)) : settingsOf(flags))),
    );
}
