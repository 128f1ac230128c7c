import { StringDecoder } from 'node:string_decoder';

/** What is longer goes on in the next line, characters. */
export const LONGEST_LINE = 262_144;

/** Cuts a stream of bytes into lines, without their ends. Takes any partition of the bytes, also within a character. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #longest: number;
  readonly #decoder = new StringDecoder('utf8');
  #begun = '';

  constructor(onLine: (line: string) => void, longest = LONGEST_LINE) {
    this.#onLine = onLine;
    this.#longest = longest;
  }

  push(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** The stream has ended: what has no end of line is a line as well. */
  end(): void {
    this.#take(this.#decoder.end());
    if (this.#begun !== '') this.#onLine(this.#begun);
    this.#begun = '';
  }

  #take(text: string): void {
    const [first = '', ...others] = text.split('\n');
    this.#grow(first);
    for (const next of others) {
      this.#onLine(this.#begun);
      this.#begun = '';
      this.#grow(next);
    }
  }

  #grow(part: string): void {
    this.#begun += part;
    while (this.#begun.length > this.#longest) {
      this.#onLine(this.#begun.slice(0, this.#longest));
      this.#begun = this.#begun.slice(this.#longest);
    }
  }
}
