import { Command, CommanderError } from 'commander';
import type { Settings } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { addCheckCommand } from './check.ts';
import { addExplainCommand } from './explain.ts';
import { addInitCommand } from './init.ts';
import { addOperateCommands } from './operate.ts';
import { addPositionCommand } from './position.ts';
import { addReloadCommand } from './reload.ts';
import { addRunCommand } from './run.ts';
import { addTailCommand } from './tail.ts';
import { addWaitCommand } from './wait.ts';
import { version } from './version.ts';

type Run = (load: () => Promise<Settings>) => Promise<void>;

/** The command line with all commands, not parsed yet. `run` is what `unstale run` does. */
export function createProgram(run: Run): Command {
  const program = new Command('unstale')
    .description('Keeps Redis from silently disagreeing with MySQL.')
    .version(version())
    .showHelpAfterError('(run with --help for an example)')
    .exitOverride();
  addInitCommand(program);
  addCheckCommand(program);
  addRunCommand(program, run);
  addReloadCommand(program);
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
 * @param run what `unstale run` does; it reads its settings with `load`
 * @throws UnstaleError of the command; what is wrong with the line itself is printed here
 */
export async function runProgram(argv: readonly string[], run: Run): Promise<void> {
  try {
    await createProgram(run).parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed its own message already.
    process.exitCode = error.exitCode === 0 ? 0 : new UnstaleError('UNSTALE_USAGE', '').policy.exitCode;
  }
}
