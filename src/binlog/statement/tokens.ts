/**
 * One token of an SQL text. `word` is an unquoted name, keyword or number; `name` stood in backticks and is
 * unescaped; `double` stood in double quotes, which is a string, or with ANSI_QUOTES a name; `string` stood in
 * single quotes. Of both kinds of strings `text` is what stands between the quotes, not unescaped.
 */
export interface Token {
  readonly kind: 'word' | 'name' | 'double' | 'string' | 'symbol';
  readonly text: string;
}

/**
 * How to read what a text alone does not decide: whether the content of a conditional comment counts (that depends
 * on the server's version), and whether a backslash escapes a quote (not with NO_BACKSLASH_ESCAPES).
 */
export interface Reading {
  readonly conditional: boolean;
  readonly escapes: boolean;
}

type Ambiguities = { -readonly [field in keyof Reading]: boolean };

export const USUAL_READING: Reading = { conditional: true, escapes: true };

const SPACE = /[\t-\r ]+/y;
const WORD = /[\w$\u0080-\uffff]+/y;
const CONDITIONAL = /\/\*(M?)!(\d{0,6})/y;
/** MySQL and MariaDB of every supported version execute comments of versions up to this one. */
const ALWAYS_EXECUTED = 50_699;

/**
 * Cuts an SQL text into tokens, one at a time, in linear time and without keeping any. Whatever the text, it
 * neither throws nor stops short: what is not closed ends with the text.
 */
export class Tokens {
  readonly #text: string;
  readonly #reading: Reading;
  #at = 0;
  /** Executed comments that are open. */
  #depth = 0;
  readonly #ambiguous: Ambiguities;
  readonly #onComment: ((text: string) => void) | undefined;

  /** @param onComment is told what stands between the brackets of each comment that is not executed */
  constructor(
    text: string,
    reading: Reading = USUAL_READING,
    ambiguous: Ambiguities = { conditional: false, escapes: false },
    onComment?: (text: string) => void,
  ) {
    this.#text = text;
    this.#reading = reading;
    this.#ambiguous = ambiguous;
    this.#onComment = onComment;
  }

  /** What of the text so far the two values of a `Reading`'s field read differently. */
  get ambiguous(): Readonly<Ambiguities> {
    return this.#ambiguous;
  }

  /** A second reader of the same text that goes on from here by itself. */
  fork(): Tokens {
    const copy = new Tokens(this.#text, this.#reading, this.#ambiguous);
    copy.#at = this.#at;
    copy.#depth = this.#depth;
    return copy;
  }

  next(): Token | undefined {
    this.#skip();
    const text = this.#text;
    if (this.#at >= text.length) return undefined;
    const word = this.#match(WORD)?.[0];
    if (word !== undefined) return { kind: 'word', text: word };
    const char = text.charAt(this.#at);
    this.#at += 1;
    switch (char) {
      case '`': {
        const raw = this.#quoted('`', false);
        return { kind: 'name', text: raw.replaceAll('``', '`') };
      }
      case '"':
        return { kind: 'double', text: this.#quoted('"', true) };
      case "'":
        return { kind: 'string', text: this.#quoted("'", true) };
      default:
        return { kind: 'symbol', text: char };
    }
  }

  /** White space, comments, and the brackets of comments that are executed. */
  #skip(): void {
    const text = this.#text;
    for (;;) {
      this.#match(SPACE);
      if (text.startsWith('/*', this.#at)) {
        if (!this.#entersComment()) this.#skipComment();
      } else if (this.#depth > 0 && text.startsWith('*/', this.#at)) {
        this.#depth -= 1;
        this.#at += 2;
      } else if (text.charAt(this.#at) === '#' || this.#isDashComment()) {
        this.#skipTo('\n', this.#at);
      } else {
        return;
      }
    }
  }

  #skipComment(): void {
    const start = this.#at + 2;
    this.#skipTo('*/', start);
    if (this.#onComment !== undefined) {
      const closed = this.#text.startsWith('*/', this.#at - 2) && this.#at - 2 >= start;
      this.#onComment(this.#text.slice(start, closed ? this.#at - 2 : this.#at));
    }
  }

  #entersComment(): boolean {
    const opening = this.#peek(CONDITIONAL);
    if (opening === undefined) return false;
    const [bracket, mariadbOnly, version] = opening;
    if (mariadbOnly !== '' || Number(version) > ALWAYS_EXECUTED) {
      this.#ambiguous.conditional = true;
      if (!this.#reading.conditional) return false;
    }
    this.#depth += 1;
    this.#at += bracket.length;
    return true;
  }

  /** `--` begins a comment only in front of white space, a control character or the end. */
  #isDashComment(): boolean {
    if (!this.#text.startsWith('--', this.#at)) return false;
    const after = this.#text.charCodeAt(this.#at + 2);
    return Number.isNaN(after) || after <= 0x20;
  }

  /** The content up to the closing quote, which a second one or a backslash escapes. */
  #quoted(quote: string, escapable: boolean): string {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    for (; at < text.length; at += 1) {
      const char = text.charAt(at);
      if (char === '\\' && escapable) {
        this.#ambiguous.escapes ||= text.charAt(at + 1) === quote || text.charAt(at + 1) === '\\';
        if (this.#reading.escapes) at += 1;
      } else if (char === quote) {
        if (text.charAt(at + 1) !== quote) break;
        at += 1;
      }
    }
    this.#at = at + 1;
    return text.slice(start, at);
  }

  #skipTo(end: string, from: number): void {
    const found = this.#text.indexOf(end, from);
    this.#at = found < 0 ? this.#text.length : found + end.length;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    const match = this.#peek(pattern);
    if (match !== undefined) this.#at += match[0].length;
    return match;
  }

  #peek(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text) ?? undefined;
  }
}
