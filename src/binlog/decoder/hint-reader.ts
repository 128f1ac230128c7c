import { hintsIn, HINT_MARK, MAX_HINTED_BYTES } from '../statement/hints.ts';
import type { ByteReader } from './byte-reader.ts';

const NONE: readonly string[] = [];

/** Finds the keys that comments of statements name. */
export class HintReader {
  readonly #onUnread: () => void;

  /** @param onUnread a text is too long to be searched, though it may name keys */
  constructor(onUnread: () => void) {
    this.#onUnread = onUnread;
  }

  /** Of the text of a statement. */
  ofText(text: string): readonly string[] {
    if (!text.includes(HINT_MARK)) return NONE;
    if (text.length <= MAX_HINTED_BYTES) return hintsIn(text);
    this.#onUnread();
    return NONE;
  }

  /** Of the text up to the reader's end; most are never made a string. */
  ofBytes(reader: ByteReader): readonly string[] {
    const bytes = reader.bytes(reader.end - reader.offset);
    return bytes.includes(HINT_MARK) ? this.ofText(bytes.toString('utf8')) : NONE;
  }
}
