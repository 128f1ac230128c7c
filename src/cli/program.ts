import { Command, CommanderError } from 'commander';
import type { Settings } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { addCheckCommand } from './check.ts';
import { addExplainCommand } from './explain.ts';
import { addInitCommand } from './init.ts';
import { addLogsCommand } from './logs.ts';
import { addOperateCommands } from './operate.ts';
import { addPositionCommand } from './position.ts';
import { addReloadCommand } from './reload.ts';
import { addRestartCommand } from './restart.ts';
import { addRunCommand } from './run.ts';
import { addStartCommand } from './start.ts';
import type { StartRequest } from './start.ts';
import { addStatusCommand } from './status.ts';
import { addStopCommand } from './stop.ts';
import { addTailCommand } from './tail.ts';
import { addWaitCommand } from './wait.ts';
import { version } from './version.ts';

/** What the two commands do that stay. */
export interface LongCommands {
  /** `unstale run`; it reads its settings with `load`. */
  readonly run: (load: () => Promise<Settings>) => Promise<void>;
  /** `unstale start` */
  readonly start: (request: StartRequest) => Promise<void>;
}

/**
 * The command line with all commands, not parsed yet. A command loads what talks to MySQL and Redis when it runs: the drivers
 * take as long to load as everything else together, and a daemon's settings are read by this program too (load-in-child.ts).
 */
export function createProgram({ run, start }: LongCommands): Command {
  const program = new Command('unstale')
    .description('Keeps Redis from silently disagreeing with MySQL.')
    .version(version())
    .showHelpAfterError('(run with --help for an example)')
    .exitOverride();
  addInitCommand(program);
  addCheckCommand(program);
  addRunCommand(program, run);
  addStartCommand(program, start);
  addStopCommand(program);
  addRestartCommand(program);
  addReloadCommand(program);
  addStatusCommand(program);
  addLogsCommand(program);
  addExplainCommand(program);
  addTailCommand(program);
  addPositionCommand(program);
  addOperateCommands(program);
  addWaitCommand(program);
  return program;
}

/**
 * Parses a command line and runs its command.
 *
 * @param argv as in `process.argv`
 * @throws UnstaleError of the command; what is wrong with the line itself is printed here
 */
export async function runProgram(argv: readonly string[], commands: LongCommands): Promise<void> {
  try {
    await createProgram(commands).parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed its own message already.
    process.exitCode = error.exitCode === 0 ? 0 : new UnstaleError('UNSTALE_USAGE', '').policy.exitCode;
  }
}
