import { Command, CommanderError } from 'commander';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { addCheckCommand } from './check.ts';
import { addExplainCommand } from './explain.ts';
import { addInitCommand } from './init.ts';
import { addRunCommand } from './run.ts';
import { version } from './version.ts';

/**
 * The command line. Errors end here: one line with the code and one with the hint on stderr, never a stack
 * trace, and the exit code of the error's policy.
 */
async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('unstale')
    .description('Keeps Redis from silently disagreeing with MySQL.')
    .version(version())
    .showHelpAfterError('(run with --help for an example)')
    .exitOverride();
  addInitCommand(program);
  addCheckCommand(program);
  addRunCommand(program);
  addExplainCommand(program);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
  // Exit also if something still holds the event loop, but not before the streams are flushed.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

function report(error: unknown): number {
  // Commander has printed its own message already.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? 0 : new UnstaleError('UNSTALE_USAGE', '').policy.exitCode;
  const failure = asUnstaleError(error);
  const { code, message, policy } = failure;
  const text = message.includes('\n') ? `error (${code}):\n${message}` : `error: ${message} (${code})`;
  process.stderr.write(`${text}\n  hint: ${policy.hint}\n`);
  if (failure.code === 'UNSTALE_INTERNAL' && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  return failure.policy.exitCode;
}

await main(process.argv);
