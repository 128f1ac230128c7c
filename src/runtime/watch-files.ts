import { createHash } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WatchOptions {
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Directories whose entries matter as well. */
  readonly directories: readonly string[];
  /** Content or entries are different from what they were. */
  readonly onChange: () => void;
  /** A directory cannot be watched, or no longer. */
  readonly onError: (error: Error) => void;
  /** How long the files must be left alone before they are looked at, ms. */
  readonly quiet?: number;
}

/** Long enough for an editor or a deployment to write several files, ms. */
const QUIET = 300;

/**
 * Watches files through their directories, because editors and deployments replace files, or links on the way to them,
 * rather than write into them. Tells of a change once it is over, and only if there is something to read that was not
 * there before. Returns what ends it.
 */
export function watchFiles(options: WatchOptions): () => void {
  const { files, directories, onChange, onError, quiet = QUIET } = options;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  let known = fingerprint(options);
  const look = async (): Promise<void> => {
    const before = await known;
    known = fingerprint(options);
    if ((await known) !== before && !ended) onChange();
  };
  const touched = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), quiet);
  };
  const watchers: FSWatcher[] = [];
  for (const directory of new Set([...files.map((file) => dirname(file)), ...directories])) {
    try {
      watchers.push(watch(directory, { persistent: false }, touched).on('error', onError));
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return () => {
    ended = true;
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

/** Never rejects: what cannot be read is part of it. */
async function fingerprint({ files, directories }: WatchOptions): Promise<string> {
  const hash = createHash('sha256');
  const note = (part: string | Buffer): void => void hash.update(`${part.length} `).update(part);
  for (const file of files) note(await readFile(file).catch((error: unknown) => String(error)));
  for (const directory of directories) {
    const entries = await readdir(directory).catch((error: unknown) => [String(error)]);
    for (const entry of entries.toSorted()) note(entry);
  }
  return hash.digest('hex');
}
