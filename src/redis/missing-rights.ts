import { UnstaleError } from '../errors/unstale-error.ts';

/** A command on one key or channel at most, so that it is plain what a refusal is about. */
export interface SampleCommand {
  readonly args: readonly [name: string, ...args: string[]];
  /** What the user needs besides the command, as ACL SETUSER takes it. */
  readonly place?: string;
}

/**
 * The right that a refused command lacks, as ACL SETUSER takes it; undefined if it was refused for another reason. Redis
 * says either that the command is refused, or that what it is about is.
 */
export function missingRight({ args: [name], place }: SampleCommand, { message }: Error): string | undefined {
  if (!message.startsWith('NOPERM')) return undefined;
  const command = `+${name.toLowerCase()}`;
  return message.includes(' to run ') ? command : (place ?? command);
}

export function lackOf(rights: Iterable<string>): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_PERMISSION',
    `the Redis user lacks the rights ${[...rights].join(' ')}`,
  );
}
