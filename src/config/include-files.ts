import { readdir, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, parse, resolve, sep } from 'node:path';
import { globSource } from '../mapping/table-selector.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed, Refused } from './parsed.ts';
import { errorCodeOf } from './referenced-file.ts';

/** Paths as the pattern spells them: relative to the configuration's directory, or absolute. */
export interface NamedFiles {
  readonly names: readonly string[];
  /** Where a new or removed file can change the names. */
  readonly directories: readonly string[];
}

/** Of entries of directories that one pattern looks at. */
const MOST_ENTRIES = 10_000;
const LONGEST_PATH = 1000;

const NO_PATTERN = refuse(
  'is no pattern for files',
  'close every bracket, and write ranges upwards as in [a-z]',
);

/** Whether an entry of `include` may name any number of files. */
export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

/**
 * The files that one entry of `include` names, sorted by name. `*`, `?` and `[...]` stand for characters within one
 * name, and for no dot at its beginning. A name without them is taken as it is, whether the file exists or not.
 * Relative paths start at the directory `base`.
 */
export async function findIncluded(base: string, pattern: string): Promise<Parsed<NamedFiles>> {
  if (pattern.length > LONGEST_PATH) return refuse('is too long', `write at most ${LONGEST_PATH} characters`);
  const path = normalize(pattern);
  if (!isGlob(path)) return accept({ names: [path], directories: [dirname(path)] });
  const segments = path.split(sep).filter((segment) => segment !== '');
  const directories = new Set<string>();
  let names = [isAbsolute(path) ? parse(path).root : ''];
  let left = MOST_ENTRIES;
  for (const [index, segment] of segments.entries()) {
    if (!isGlob(segment)) {
      names = names.map((name) => join(name, segment));
      continue;
    }
    const matcher = compile(segment);
    if (!matcher.ok) return matcher;
    const isBehindGlob = segments.slice(0, index).some(isGlob);
    const found: string[] = [];
    for (const directory of names) {
      const entries = await list(resolve(base, directory), isBehindGlob);
      if (!entries.ok) return entries;
      left -= entries.value.length;
      if (left < 0) {
        return refuse('looks at too many files', `name directories with at most ${MOST_ENTRIES} files`);
      }
      directories.add(directory);
      for (const name of entries.value) if (matcher.value(name)) found.push(join(directory, name));
    }
    names = found;
  }
  if (!isGlob(segments.at(-1) ?? '')) {
    for (const name of names) directories.add(dirname(name));
    const exist = await Promise.all(names.map(async (name) => exists(resolve(base, name))));
    names = names.filter((_, index) => exist[index]);
  }
  return accept({ names: names.toSorted(), directories: [...directories] });
}

function compile(segment: string): Parsed<(name: string) => boolean> {
  if (/[[\]]/.test(segment.replaceAll(/\[!?[^\]]+\]/g, ''))) return NO_PATTERN;
  if (segment === '**') return refuse('** is not available', 'write * for each level of directories');
  try {
    const matcher = new RegExp(`^(?:${globSource(segment)})$`, 's');
    const isHidden = segment.startsWith('.');
    return accept((name) => (isHidden || !name.startsWith('.')) && matcher.test(name));
  } catch {
    return NO_PATTERN;
  }
}

async function list(
  directory: string,
  isOptional: boolean,
): Promise<{ readonly ok: true; readonly value: string[] } | Refused> {
  try {
    return accept(await readdir(directory));
  } catch (error) {
    const code = errorCodeOf(error);
    // What a pattern in front of it names need not have it, and need not be a directory.
    if (isOptional && isAbsent(code)) return accept([]);
    return refuse(`its directory cannot be read (${code})`, 'name a readable directory');
  }
}

/** False only if there is surely no such file; other trouble is told when the file is read. */
async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    return !isAbsent(errorCodeOf(error));
  }
}

function isAbsent(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR';
}
