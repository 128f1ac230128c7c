/** A glob as rules make it: literal text, in which `\` takes the next character as it is, and `*` for any text. */
interface Glob {
  /** The text before, between and after the `*`. */
  readonly literals: readonly string[];
}

const SPECIAL = /[*?[\]\\^-]/g;

/**
 * The glob for SCAN that matches at least what any of `patterns` does: the pattern itself if it is the only one,
 * otherwise their common beginning.
 */
export function commonGlob(patterns: readonly string[]): string {
  const [first = '*', ...others] = patterns;
  if (others.every((pattern) => pattern === first)) return first;
  const beginnings = patterns.map((pattern) => parseGlob(pattern).literals[0] ?? '');
  return `${commonPrefix(beginnings).replace(SPECIAL, String.raw`\$&`)}*`;
}

/** Whether a key, which is bytes, matches one of the globs, as Redis' MATCH does. */
export function globMatcher(patterns: readonly string[]): (key: Buffer) => boolean {
  // One character a byte: a key need not be valid UTF-8.
  const bytes = (text: string): string => Buffer.from(text).toString('latin1');
  const sources = patterns.map((pattern) =>
    parseGlob(pattern)
      .literals.map((literal) => bytes(literal).replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`))
      .join('.*'),
  );
  const expression = new RegExp(`^(?:${sources.join('|')})$`, 's');
  return (key) => expression.test(key.toString('latin1'));
}

function parseGlob(pattern: string): Glob {
  const literals = [''];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern.charAt(at);
    if (char === '*') literals.push('');
    else if (char === '\\') literals[literals.length - 1] += pattern.charAt((at += 1));
    else literals[literals.length - 1] += char;
  }
  return { literals };
}

function commonPrefix(texts: readonly string[]): string {
  const [first = '', ...others] = texts;
  // By code points, so that no character is cut in two.
  let prefix = '';
  for (const char of first) {
    if (!others.every((text) => text.startsWith(prefix + char))) break;
    prefix += char;
  }
  return prefix;
}
