/** A glob, parsed: character codes, and what stands for others. */
export type Glob = readonly number[];

const ANY_TEXT = -1;
const ANY_CHARACTER = -2;

/** `*` is any text, `?` one character; `\` takes the next character as it is. */
export function parseGlob(text: string): Glob {
  const glob: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '*') glob.push(ANY_TEXT);
    else if (char === '?') glob.push(ANY_CHARACTER);
    else glob.push(text.charCodeAt(char === '\\' && at + 1 < text.length ? (at += 1) : at));
  }
  return glob;
}

/** In time that grows with the product of both lengths at most, whatever the glob: a caller chooses it. */
export function matchesGlob(glob: Glob, text: string): boolean {
  let token = 0;
  let at = 0;
  // Where the last `*` stands, and the text from which its rest is tried.
  let star = -1;
  let tried = 0;
  while (at < text.length) {
    if (glob[token] === ANY_TEXT) {
      star = token;
      tried = at;
      token += 1;
    } else if (glob[token] === ANY_CHARACTER || glob[token] === text.charCodeAt(at)) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      tried += 1;
      at = tried;
    } else return false;
  }
  while (glob[token] === ANY_TEXT) token += 1;
  return token === glob.length;
}

/** Whether a text may match both: what they begin with does not contradict. */
export function mayOverlap(one: Glob, other: Glob): boolean {
  for (let at = 0; ; at += 1) {
    const [left, right] = [one[at], other[at]];
    if (left === undefined || right === undefined)
      return left === right || left === ANY_TEXT || right === ANY_TEXT;
    if (left === ANY_TEXT || right === ANY_TEXT) return true;
    if (left !== right && left !== ANY_CHARACTER && right !== ANY_CHARACTER) return false;
  }
}
