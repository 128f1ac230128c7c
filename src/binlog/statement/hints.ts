import { Tokens, USUAL_READING } from './tokens.ts';
import type { Reading } from './tokens.ts';

/** What every hint begins with. */
export const HINT_MARK = 'unstale:';
/** Text of more bytes is not searched. */
export const MAX_HINTED_BYTES = 64 * 1024;

const OTHER_READINGS: readonly Reading[] = [
  { conditional: false, escapes: true },
  { conditional: true, escapes: false },
  { conditional: false, escapes: false },
];
const NONE: readonly string[] = [];
const BODY = /^\s*unstale:([\s\S]*)$/;
const ANY_COMMENT = /\/\*([\s\S]*?)\*\//g;
/** A key in double quotes, where two stand for one, or the text up to the next comma. */
const KEY = /\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))(?:,|$)/y;

/**
 * The keys that an SQL text names in comments whose text is such as `unstale: user:1, "a, b"`, each once. A text that
 * can be read in several ways counts in all of them. Strings are not searched.
 */
export function hintsIn(text: string): readonly string[] {
  if (!text.includes(HINT_MARK)) return NONE;
  const keys = new Set<string>();
  const look = (comment: string): void => {
    const body = BODY.exec(comment)?.[1];
    if (body !== undefined) for (const key of keysOf(body)) keys.add(key);
  };
  // Not UTF-8: a byte of a character may pass for a quote, so that where strings end cannot be told.
  if (text.includes('\ufffd')) for (const [, comment = ''] of text.matchAll(ANY_COMMENT)) look(comment);
  const read = (reading: Reading): Reading => {
    const tokens = new Tokens(text, reading, undefined, look);
    while (tokens.next() !== undefined);
    return tokens.ambiguous;
  };
  const ambiguous = read(USUAL_READING);
  if (ambiguous.conditional || ambiguous.escapes) for (const reading of OTHER_READINGS) read(reading);
  return [...keys];
}

function keysOf(body: string): string[] {
  const keys: string[] = [];
  KEY.lastIndex = 0;
  while (KEY.lastIndex < body.length) {
    const [, quoted, plain = ''] = KEY.exec(body) ?? [];
    keys.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
  }
  return keys.filter((key) => key !== '');
}
