import { asUnstaleError } from '../errors/unstale-error.ts';

/**
 * Ends the process when the work is done. Errors end here: one line with the code and one with the hint on
 * stderr, never a stack trace, and the exit code of the error's policy.
 */
export async function endProcessAfter(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    process.exitCode = report(error);
  }
  // Exit also if something still holds the event loop, but not before the streams are flushed.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

function report(error: unknown): number {
  const failure = asUnstaleError(error);
  const { code, message, policy } = failure;
  const text = message.includes('\n') ? `error (${code}):\n${message}` : `error: ${message} (${code})`;
  process.stderr.write(`${text}\n  hint: ${policy.hint}\n`);
  if (failure.code === 'UNSTALE_INTERNAL' && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  return failure.policy.exitCode;
}
