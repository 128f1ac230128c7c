import { statSync } from 'node:fs';
import { watchFiles } from '../runtime/watch-files.ts';

export interface MendingOptions {
  readonly files: readonly string[];
  readonly directories: readonly string[];
  /** When the configuration that was refused was about to be read, ms since the epoch. */
  readonly readAt: number;
}

/** By then the watch knows what the files hold, ms. */
const SECOND_LOOK = 1000;

/** Tells when a configuration that was refused is another one. */
export class MendedConfiguration {
  readonly #onChange: () => void;
  readonly #onError: (error: Error) => void;
  #end = (): void => undefined;
  /** When the files were written that were looked at last. */
  #known = '';

  constructor(onChange: () => void, onError: (error: Error) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Watches these files instead of those before; what was written after it was read, but before this call, counts as well. */
  watch({ files, directories, readAt }: MendingOptions): void {
    this.end();
    const unwatch = watchFiles({ files, directories, onChange: this.#onChange, onError: this.#onError });
    const timer = setTimeout(() => {
      const written = files.map(writtenAt);
      const isKnown = written.join() === this.#known;
      this.#known = written.join();
      // Once for each time that they were written: the clock of a file server may be ahead.
      if (!isKnown && Math.max(...written) > readAt) this.#onChange();
    }, SECOND_LOOK);
    this.#end = () => {
      unwatch();
      clearTimeout(timer);
    };
  }

  end(): void {
    this.#end();
    this.#end = (): void => undefined;
  }
}

/** ms; 0 for a file that is not there */
function writtenAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
