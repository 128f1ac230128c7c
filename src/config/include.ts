import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { checkIncludedShape } from './check-shape.ts';
import type { ConfigDocument } from './document.ts';
import { findIncluded, isGlob } from './include-files.ts';
import { interpolateDocument } from './interpolate.ts';
import type { Environment } from './interpolate.ts';
import { readTextUpTo } from './read-text.ts';
import { errorCodeOf } from './referenced-file.ts';
import type { RuleList } from './resolve-rules.ts';
import type { RawConfig } from './schema.ts';
import { LARGEST_CONFIG, parseYaml } from './yaml-source.ts';
import type { NodeBudget } from './yaml-source.ts';

const MOST_FILES = 1000;

/** What `include` brings to a configuration. */
export interface Included {
  readonly lists: readonly RuleList[];
  /** Absolute paths of the included files, in the order of their rules. */
  readonly files: readonly string[];
  /** Absolute paths of the directories where a new or removed file can change what is included. */
  readonly directories: readonly string[];
  /** Every file was found and read, whatever is in it. */
  readonly isComplete: boolean;
}

/**
 * Reads the files that `include` names: each once, in the order of the entries and, within one, sorted by name. What
 * is wrong in a file is reported in the document of its list, what is wrong with an entry in `document`.
 */
export async function readIncluded(
  document: ConfigDocument,
  include: RawConfig['include'],
  options: { readonly env: Environment; readonly budget: NodeBudget },
): Promise<Included> {
  const base = resolve(dirname(document.file));
  const lists: RuleList[] = [];
  const files: string[] = [];
  const directories = new Set<string>();
  const own = await identityOf(resolve(document.file));
  const seen = new Set([own]);
  let isComplete = true;
  for (const [index, pattern] of (include ?? []).entries()) {
    const path = ['include', index];
    const report = (message: string, remedy: string): void => {
      isComplete = false;
      document.report(path, message, remedy);
    };
    if (pattern === null) {
      isComplete = false;
      continue;
    }
    const found = await findIncluded(base, pattern);
    if (!found.ok) {
      report(found.message, found.remedy);
      continue;
    }
    for (const directory of found.value.directories) directories.add(resolve(base, directory));
    for (const name of found.value.names) {
      const file = resolve(base, name);
      const identity = await identityOf(file);
      if (identity === own && !isGlob(pattern)) report('the file includes itself', 'remove it');
      if (seen.has(identity)) continue;
      seen.add(identity);
      if (seen.size > MOST_FILES + 1) {
        report('names too many files', `include at most ${MOST_FILES} files; one may hold many rules`);
        break;
      }
      const read = await readFileOf(file);
      if ('problem' in read) {
        report(read.problem, read.remedy);
        continue;
      }
      const included = parseYaml(spell(document.file, name), read.text, {
        budget: options.budget,
        idPrefix: `${name}:`,
      });
      files.push(file);
      interpolateDocument(included, options.env);
      lists.push({ document: included, raw: rulesOf(included) });
    }
  }
  return { lists, files, directories: [...directories], isComplete };
}

function rulesOf(document: ConfigDocument): RuleList['raw'] {
  if (document.root.kind === 'list') {
    document.report([], 'is a list, not a map of fields', 'write rules: on a line above the list');
    return undefined;
  }
  const raw = checkIncludedShape(document);
  // A file that was cut off while it was written must not count as one without rules.
  const { kind } = document.root;
  if ((kind === 'map' || kind === 'empty') && !document.has(['rules'])) {
    document.report(['rules'], 'the file has no rules', 'write rules: with a list, or rules: [] for none');
  }
  return raw.rules;
}

async function readFileOf(
  file: string,
): Promise<{ readonly text: string } | { readonly problem: string; readonly remedy: string }> {
  try {
    // A pattern can name a pipe or a terminal, on which reading would wait for ever.
    if (!(await stat(file)).isFile()) {
      return { problem: 'names something that is not a file', remedy: 'name files, as in rules/*.yaml' };
    }
    const text = await readTextUpTo(file, LARGEST_CONFIG);
    if (text !== undefined) return { text };
    return { problem: 'names a file that is larger than 1 MiB', remedy: 'write the rules to several files' };
  } catch (error) {
    const code = errorCodeOf(error);
    const remedy = 'name readable files; a relative path starts at the configuration file';
    return { problem: `names a file that cannot be read (${code})`, remedy };
  }
}

/** The same for every name of one file. */
async function identityOf(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    return file;
  }
}

/** As a user who named the configuration file would spell it. */
function spell(configFile: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(configFile), name);
}
