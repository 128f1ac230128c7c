/**
 * Text that is not a value. `message` and `remedy` never repeat the text, which may be a misplaced secret;
 * `suggestion` does, and replaces the remedy only where the text stands in the file for everyone to see.
 */
export interface Refused {
  readonly ok: false;
  readonly message: string;
  readonly remedy: string;
  readonly suggestion?: string;
}

/** A value read from text, or why it is none. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Refused;

export function accept<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refuse(message: string, remedy: string): Refused {
  return { ok: false, message, remedy };
}
