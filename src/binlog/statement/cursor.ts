import type { Token, Tokens } from './tokens.ts';

/** A table as a statement names it; without a schema it is in the session's default schema. */
export interface NamedTable {
  readonly schema: string | undefined;
  readonly table: string;
}

/** Reads a statement from left to right with one token of foresight. Keywords are given in upper case. */
export class StatementCursor {
  readonly #tokens: Tokens;
  #current: Token | undefined;

  constructor(tokens: Tokens, current: Token | undefined = tokens.next()) {
    this.#tokens = tokens;
    this.#current = current;
  }

  /** A second cursor that goes on from here by itself. */
  fork(): StatementCursor {
    return new StatementCursor(this.#tokens.fork(), this.#current);
  }

  get atEnd(): boolean {
    return this.#current === undefined;
  }

  next(): Token | undefined {
    const token = this.#current;
    this.#current = this.#tokens.next();
    return token;
  }

  /** Whether the next token is one of these keywords. */
  isAt(...keywords: readonly string[]): boolean {
    const token = this.#current;
    return token?.kind === 'word' && keywords.includes(token.text.toUpperCase());
  }

  isAtSymbol(symbol: string): boolean {
    return this.#current?.kind === 'symbol' && this.#current.text === symbol;
  }

  /** Takes the next token if it is one of these keywords. */
  accept(...keywords: readonly string[]): boolean {
    const fits = this.isAt(...keywords);
    if (fits) this.next();
    return fits;
  }

  acceptSymbol(symbol: string): boolean {
    const fits = this.isAtSymbol(symbol);
    if (fits) this.next();
    return fits;
  }

  /** Takes the next token if it is an unquoted word; in upper case. */
  keyword(): string | undefined {
    return this.#current?.kind === 'word' ? this.next()?.text.toUpperCase() : undefined;
  }

  /** Takes the next token if it can be a name. Double quotes may hold one. */
  name(): string | undefined {
    const kind = this.#current?.kind;
    if (kind === 'word' || kind === 'name') return this.next()?.text;
    return kind === 'double' ? this.next()?.text.replaceAll('""', '"') : undefined;
  }

  /** Takes `table` or `schema.table`. */
  tableName(): NamedTable | undefined {
    const first = this.name();
    if (first === undefined || !this.acceptSymbol('.')) {
      return first === undefined ? undefined : { schema: undefined, table: first };
    }
    const second = this.name();
    return second === undefined ? undefined : { schema: first, table: second };
  }

  /** Takes `IF EXISTS` or `IF NOT EXISTS`, where it stands. */
  skipIfExists(): void {
    if (!this.accept('IF')) return;
    this.accept('NOT');
    this.accept('EXISTS');
  }

  /** Takes a parenthesis with all that it holds; false if none stands here. */
  skipParenthesis(): boolean {
    if (!this.isAtSymbol('(')) return false;
    let depth = 0;
    do {
      if (this.isAtSymbol('(')) depth += 1;
      else if (this.isAtSymbol(')')) depth -= 1;
      this.next();
    } while (depth > 0 && !this.atEnd);
    return true;
  }
}
