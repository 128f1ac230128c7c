/**
 * Whether two different texts may be equal in the collation of a column, which is not known: doubt says yes.
 *
 * Case, accents, trailing spaces and ignorable characters make no difference in many collations. Some also take other
 * letters as equal, one (ü = y in Swedish) or several (ß = ss, å = aa in Danish), and the older ones all characters
 * outside of the basic plane: from the first such character on, texts count as equal.
 */
export function areSimilarTexts(one: string, other: string): boolean {
  if (ASCII.test(one) && ASCII.test(other)) {
    const [a, b] = [one.trimEnd(), other.trimEnd()];
    return a.length === b.length && foldLetters(a) === foldLetters(b);
  }
  const a = formOf(one);
  const b = formOf(other);
  if (a.whole && b.whole) {
    return a.folded === b.folded || COLLATOR.compare(one.trimEnd(), other.trimEnd()) === 0;
  }
  return (!b.whole && a.folded.startsWith(b.folded)) || (!a.whole && b.folded.startsWith(a.folded));
}

const ASCII = /^[ -~]*$/;
/** Latin letters with more than a case, and everything outside of the basic plane. */
const UNCERTAIN = /(?![A-Za-z])\p{Script=Latin}|[\u{10000}-\u{10ffff}]/u;
/** What sorts as its base by the root collation, such as hiragana and katakana. English has no rules of its own. */
const COLLATOR = new Intl.Collator('en', { sensitivity: 'base' });

interface TextForm {
  /** The text, or its part in front of the first uncertain character. */
  readonly folded: string;
  readonly whole: boolean;
}

function formOf(text: string): TextForm {
  const composed = text.normalize('NFKC');
  const cut = composed.search(UNCERTAIN);
  const folded = (part: string): string => foldLetters(part.normalize('NFKD').replace(/[\p{M}\p{C}]/gu, ''));
  return cut === -1
    ? { folded: folded(composed).trimEnd(), whole: true }
    : { folded: folded(composed.slice(0, cut)), whole: false };
}

/**
 * Without case, and without the difference of ASCII letters that a collation takes as equal: i = y in Lithuanian,
 * v = w in Swedish, i = j and u = v in Roman.
 */
function foldLetters(text: string): string {
  // Upper case: it does not depend on what follows, as that of the Greek sigma does in lower case.
  return text.toUpperCase().replace(/[JY]/g, 'I').replace(/[UW]/g, 'V');
}
