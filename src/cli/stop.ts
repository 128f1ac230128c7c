import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../config/durations.ts';
import { stopSupervisor } from '../supervisor/stop-supervisor.ts';
import { askForReport, directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

interface StopFlags extends DirectoryFlags {
  readonly timeout?: number;
}

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
      await stopSupervisor(run, supervisor.pid, flags.timeout);
      console.log(`stopped: ${daemons.map((daemon) => daemon.client_id).join(', ')}`);
    });
}

function parseTimeout(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw new InvalidArgumentError('write for example 30s');
}
