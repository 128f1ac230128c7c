import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** MySQL's limit for the names of columns. */
const LONGEST_NAME = 64;

/** A column's name, in backquotes or not; within backquotes a doubled one is a literal one. */
export function parseColumnName(text: string): Parsed<string> {
  const quoted = /^`((?:[^`]|``)+)`$/.exec(text)?.[1];
  const name = quoted === undefined ? text : quoted.replaceAll('``', '`');
  if (quoted === undefined && text.startsWith('`')) {
    return refuse('a backquote without its partner', 'write "`name`"; a backquote in the name is doubled');
  }
  if (name === '') return refuse('a column without a name', 'write the name of a column');
  if (name.trim() !== name) return refuse('spaces around the name of a column', 'remove them');
  if (name.length > LONGEST_NAME) {
    return refuse('the name is longer than MySQL allows', `write at most ${LONGEST_NAME} characters`);
  }
  return accept(name);
}
