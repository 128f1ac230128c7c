import { policyOf } from './catalog.ts';
import type { ErrorCode, ErrorPolicy } from './catalog.ts';

/**
 * An error with a stable, documented code. The message says what happened and where; the policy says what
 * the daemon and the operator do about it. Neither may hold secrets or row values.
 */
export class UnstaleError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UnstaleError';
    this.code = code;
  }

  get policy(): ErrorPolicy {
    return policyOf(this.code);
  }
}

/** Any thrown value as an UnstaleError; what is not one already becomes UNSTALE_INTERNAL. */
export function asUnstaleError(thrown: unknown): UnstaleError {
  if (thrown instanceof UnstaleError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new UnstaleError('UNSTALE_INTERNAL', message, { cause: thrown });
}
