import { UnstaleError } from '../errors/unstale-error.ts';
import { redactText } from './redact.ts';

const LONGEST_CAUSE_CHAIN = 5;

/** How an error appears in the log. `hint` is the catalogue's advice; `code` may also be a driver's or the system's. */
export interface ErrorFields {
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

/**
 * An error and its causes as plain fields. A documented code says what happened and where, so neither it nor
 * its causes show a stack unless `stacks` asks for them. A defect (any other error, UNSTALE_INTERNAL) does.
 */
export function errorFields(error: Error, options: { readonly stacks: boolean }): ErrorFields {
  return render(error, options.stacks, true, 1);
}

function render(error: Error, stacks: boolean, unexplained: boolean, length: number): ErrorFields {
  const documented = error instanceof UnstaleError;
  const defect = unexplained && !(documented && error.code !== 'UNSTALE_INTERNAL');
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const cause = length < LONGEST_CAUSE_CHAIN ? causeOf(error) : undefined;
  return {
    ...(code === undefined ? {} : { code }),
    message: redactText(error.message),
    ...(documented ? { hint: error.policy.hint } : {}),
    ...((stacks || defect) && error.stack !== undefined ? { stack: redactText(error.stack) } : {}),
    ...(cause === undefined ? {} : { cause: render(cause, stacks, defect, length + 1) }),
  };
}

function causeOf(error: Error): Error | undefined {
  if (error.cause instanceof Error) return error.cause;
  // Node reports a refused connect to a name with several addresses as an AggregateError with an empty message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return first instanceof Error ? first : undefined;
}
