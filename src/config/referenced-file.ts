import { dirname, resolve } from 'node:path';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import { readTextUpTo } from './read-text.ts';

/** Secrets and certificates are small; a device or a log file by mistake is not. */
const LARGEST_FILE = 1024 * 1024;

/**
 * The text of a file that a field names, relative to the configuration file. Undefined if the field is not
 * set, or if the file cannot be read, which is reported.
 */
export async function readReferencedFile(
  document: ConfigDocument,
  path: Path,
  name: string | undefined,
): Promise<string | undefined> {
  if (name === undefined) return undefined;
  try {
    const text = await readTextUpTo(resolve(dirname(document.file), name), LARGEST_FILE);
    if (text !== undefined) return text;
    document.report(path, 'the file is larger than 1 MiB', 'name the right file');
  } catch (error) {
    const remedy = 'name a readable file; a relative path starts at the configuration file';
    document.report(path, `the file cannot be read (${errorCodeOf(error)})`, remedy);
  }
  return undefined;
}

/** Like `readReferencedFile`, for certificates and keys. */
export async function readPemFile(
  document: ConfigDocument,
  path: Path,
  name: string | undefined,
): Promise<string | undefined> {
  const text = await readReferencedFile(document, path, name);
  if (text === undefined || text.includes('-----BEGIN ')) return text;
  document.report(path, 'the file is not in PEM format', 'name a file with a line -----BEGIN ...-----');
  return undefined;
}

/** The system's code of a failure, e.g. ENOENT. The message would repeat the path, which may be a secret. */
export function errorCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason';
}
