import { isDeepStrictEqual } from 'node:util';
import type { Settings } from '../config/config.ts';
import type { ConfigSources } from '../config/errors.ts';
import { watchFiles } from '../runtime/watch-files.ts';

export interface ConfigWatchOptions {
  readonly onChange: () => void;
  readonly onError: (error: Error) => void;
}

/** Tells when the files of the configuration in force change, if it wants to be watched. */
export class ConfigWatch {
  readonly #options: ConfigWatchOptions;
  #watched: unknown;
  #unwatch = (): void => undefined;
  #ended = false;

  constructor(options: ConfigWatchOptions) {
    this.#options = options;
  }

  /**
   * Watches the files of these settings instead of those before.
   *
   * @param read what was read last, if that was refused: mending it may need no file of the settings
   */
  follow({ reload, files, directories }: Settings, read: ConfigSources = { files, directories }): void {
    const wanted =
      reload.watch && !this.#ended
        ? { files: union(files, read.files), directories: union(directories, read.directories) }
        : undefined;
    if (isDeepStrictEqual(wanted, this.#watched)) return;
    this.#unwatch();
    this.#unwatch = (): void => undefined;
    this.#watched = wanted;
    if (wanted === undefined) return;
    this.#unwatch = watchFiles({ ...wanted, ...this.#options });
    // They may have changed since they were read.
    this.#options.onChange();
  }

  end(): void {
    this.#ended = true;
    this.#unwatch();
  }
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])];
}
