import { matchesGlob, mayOverlap, parseGlob } from './glob.ts';

/** A command that was applied, as far as it is shown: `key`, or `pattern` for all keys that match it. */
export interface TailedCommand {
  readonly kind: string;
  /** The place of the rule, e.g. `rules[0]`. */
  readonly rule: string;
  readonly key?: string;
  readonly pattern?: string;
  /** Why all keys of a pattern go. */
  readonly reason?: string;
}

export type TailFilter = (command: TailedCommand) => boolean;

const LONGEST_GLOB = 256;

/**
 * What a tail wants to see: `rule`, which may stand there several times, and `key`, a glob. A pattern is shown if it
 * may reach a key that is wanted.
 *
 * @returns a sentence if the query cannot be understood
 */
export function parseTailFilter(query: URLSearchParams): TailFilter | string {
  for (const name of query.keys()) {
    if (name !== 'rule' && name !== 'key') return `There is no parameter "${name}"; write rule or key.`;
  }
  const [text, ...more] = query.getAll('key');
  if (more.length > 0) return 'Write one key.';
  if (text !== undefined && text.length > LONGEST_GLOB)
    return `A key has ${LONGEST_GLOB} characters at most.`;
  const rules = new Set(query.getAll('rule'));
  const key = text === undefined ? undefined : parseGlob(text);
  return (command) => {
    if (rules.size > 0 && !rules.has(command.rule)) return false;
    if (key === undefined) return true;
    if (command.key !== undefined) return matchesGlob(key, command.key);
    return command.pattern === undefined || mayOverlap(key, parseGlob(command.pattern));
  };
}
