import { Argument } from 'commander';
import type { Command } from 'commander';
import { askDaemon } from './daemon-request.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';

const LONGEST_SILENCE = 10_000;

interface OperateFlags extends ConfigFlags {
  readonly json?: boolean;
  readonly for?: string;
}

/** `unstale pause`, `resume` and `log-level`: what an operator does to the running daemon. */
export function addOperateCommands(program: Command): void {
  withConfigFlags(program.command('pause'))
    .description('let the running daemon apply nothing more until it is resumed or restarted')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale pause -c unstale.yaml')
    .action((flags: OperateFlags) =>
      operate(
        flags,
        '/pause',
        ({ since }) => `paused since ${String(since)}; the binlog waits on the server`,
      ),
    );
  withConfigFlags(program.command('resume'))
    .description('let the running daemon go on')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale resume -c unstale.yaml')
    .action((flags: OperateFlags) => operate(flags, '/resume', () => 'running'));
  withConfigFlags(program.command('log-level'))
    .description('change what the running daemon logs, until its next reload or restart')
    .addArgument(
      new Argument('<level>', 'the least that is logged').choices(['debug', 'info', 'warn', 'error']),
    )
    .option('--for <duration>', 'only for a while, e.g. 10m')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale log-level debug -c unstale.yaml --for 10m')
    .action((level: string, flags: OperateFlags) => {
      const query = new URLSearchParams({ level, ...(flags.for === undefined ? {} : { for: flags.for }) });
      return operate(flags, `/log-level?${query.toString()}`, ({ until }) =>
        typeof until === 'string' ? `the log level is ${level} until ${until}` : `the log level is ${level}`,
      );
    });
}

async function operate(
  flags: OperateFlags,
  path: string,
  describe: (body: Readonly<Record<string, unknown>>) => string,
): Promise<void> {
  const { admin } = await configOf(flags);
  const { body } = await askDaemon(admin, { method: 'POST', path, silence: LONGEST_SILENCE });
  console.log(flags.json ? JSON.stringify(body, null, 2) : describe(body));
}
