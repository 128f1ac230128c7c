/**
 * Whether two different texts may be equal in the collation of a column, which is not known: doubt says yes.
 *
 * Case, accents, trailing spaces and ignorable characters make no difference in many collations. Some also take other
 * letters as equal, one (ü = y in Swedish) or several (ß = ss, å = aa in Danish), and the older ones all characters
 * outside of the basic plane. Where a text has such a character, only what is ASCII at its beginning is compared.
 */
export function areSimilarTexts(one: string, other: string): boolean {
  if (ASCII.test(one) && ASCII.test(other)) {
    const [a, b] = [one.trimEnd(), other.trimEnd()];
    return a.length === b.length && foldLetters(a) === foldLetters(b);
  }
  const [a, b] = [one.normalize('NFC'), other.normalize('NFC')];
  if (!UNCERTAIN.test(a) && !UNCERTAIN.test(b)) return COLLATOR.compare(fold(a), fold(b)) === 0;
  const [start, otherStart] = [plainStart(a), plainStart(b)];
  return (
    (start.length < a.length && otherStart.startsWith(start)) ||
    (otherStart.length < b.length && start.startsWith(otherStart))
  );
}

const ASCII = /^[ -~]*$/;
/**
 * Latin letters with more than a case, Greek ones with an iota below, which older collations take as an iota, and
 * everything outside of the basic plane.
 */
const UNCERTAIN = new RegExp(
  String.raw`(?![A-Za-z])\p{Script=Latin}|[\u{10000}-\u{10ffff}]` +
    String.raw`|[\u0345\u037a\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc7\u1fcc\u1ff2-\u1ff4\u1ff7\u1ffc]`,
  'u',
);
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
