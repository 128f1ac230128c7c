/**
 * A value read from text. `message` and `remedy` never repeat the text, which may be a misplaced secret;
 * `suggestion` does, and replaces the remedy only where the text stands in the file for everyone to see.
 * `offset` is the place of the problem in the text, from 0.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly message: string;
      readonly remedy: string;
      readonly suggestion?: string;
      readonly offset?: number;
    };

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function refuse<T>(message: string, remedy: string): Parsed<T> {
  return { ok: false, message, remedy };
}
