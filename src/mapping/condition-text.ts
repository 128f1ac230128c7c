/**
 * Whether two different texts may be equal in the collation of a column, which is not known: doubt says yes.
 *
 * Case, accents, trailing spaces and ignorable characters make no difference in many collations. Some also take other
 * letters as equal, one (ü = y in Swedish) or several (ß = ss, å = aa in Danish), a combining iota and the letter, or
 * all characters outside of the basic plane. Where a text has a character of which that is not excluded, only what is
 * ASCII at its beginning is compared.
 */
export function areSimilarTexts(one: string, other: string): boolean {
  if (ASCII.test(one) && ASCII.test(other)) {
    const [a, b] = [one.trimEnd(), other.trimEnd()];
    return a.length === b.length && foldLetters(a) === foldLetters(b);
  }
  const [a, b] = [one.normalize('NFC'), other.normalize('NFC')];
  if (CERTAIN.test(a) && CERTAIN.test(b)) return COLLATOR.compare(fold(a), fold(b)) === 0;
  const [start, otherStart] = [plainStart(a), plainStart(b)];
  return (
    (start.length < a.length && otherStart.startsWith(start)) ||
    (otherStart.length < b.length && start.startsWith(otherStart))
  );
}

const ASCII = /^[ -~]*$/;
/**
 * Printable ASCII, and letters of which no collation of either server takes two as equal that the root collation tells
 * apart: Greek, Cyrillic, Hebrew and Thai ones, kana, Chinese characters, Hangul. Found by comparing all characters of
 * the basic plane in all of them; Persian ones mix up Arabic letters, for example.
 */
const CERTAIN =
  /^[ -~\u0386-\u03ce\u0400-\u0481\u048a-\u052f\u05d0-\u05ea\u0e01-\u0e2e\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3]*$/;
/** What sorts as its base by the root collation, such as hiragana and katakana. English has no rules of its own. */
const COLLATOR = new Intl.Collator('en', { sensitivity: 'base' });

function fold(text: string): string {
  return foldLetters(text.normalize('NFKD').replace(/[\p{M}\p{C}]/gu, '')).trimEnd();
}

/** The text in front of everything that is not ASCII, folded: as long as it was. */
function plainStart(text: string): string {
  const end = text.search(/[^ -~]/);
  return foldLetters(end === -1 ? text : text.slice(0, end));
}

/**
 * Without case, and without the difference of ASCII letters that a collation takes as equal: i = y in Lithuanian,
 * v = w in Swedish, i = j and u = v in Roman.
 */
function foldLetters(text: string): string {
  // Upper case: it does not depend on what follows, as that of the Greek sigma does in lower case.
  return text.toUpperCase().replace(/[JY]/g, 'I').replace(/[UW]/g, 'V');
}
