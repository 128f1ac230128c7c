/**
 * Unicode's simple case mappings: one character for each, whatever stands beside it. JavaScript's own methods map a
 * few characters to several, and a capital sigma by its place in the word.
 */
const ASCII = /^[\0-\x7f]*$/;

/** Text in lower case; ẞ gives ß, İ gives i. */
export function toLower(text: string): string {
  return ASCII.test(text) ? text.toLowerCase() : Array.from(text, lowerOf).join('');
}

/** Text in upper case; characters without a single capital, such as ß, stay. */
export function toUpper(text: string): string {
  return ASCII.test(text) ? text.toUpperCase() : Array.from(text, upperOf).join('');
}

function lowerOf(char: string): string {
  const lower = char.toLowerCase();
  if (isSingle(lower)) return lower;
  return char === '\u0130' ? 'i' : char;
}

function upperOf(char: string): string {
  const upper = char.toUpperCase();
  if (isSingle(upper)) return upper;
  const code = char.charCodeAt(0);
  // Greek vowels with an iota below, of which the capital has its iota beside it.
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCharCode(code | 8);
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCharCode(code + 9);
  return char;
}

function isSingle(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) ?? 0) > 0xffff);
}
