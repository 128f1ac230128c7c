import { existsSync, globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** A file of this repository, as text. */
export function readRepository(name: string): Promise<string> {
  return readFile(new URL(name, ROOT), 'utf8');
}

export function isInRepository(name: string): boolean {
  return existsSync(new URL(name, ROOT));
}

/** The absolute path of a file or folder of this repository. */
export function repositoryPath(name: string): string {
  return fileURLToPath(new URL(name, ROOT));
}

/** Names of files that fit a pattern, sorted, relative to the repository. */
export function repositoryFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: fileURLToPath(ROOT) }).toSorted();
}
