import { resolve } from 'node:path';
import { checkShape } from './check-shape.ts';
import { compileConfig } from './compile-config.ts';
import type { Config, Settings } from './config.ts';
import { ConfigError } from './errors.ts';
import { readIncluded } from './include.ts';
import { interpolateDocument } from './interpolate.ts';
import type { Environment } from './interpolate.ts';
import { applyOverrides } from './overrides.ts';
import { readTextUpTo } from './read-text.ts';
import { errorCodeOf } from './referenced-file.ts';
import { resolveConfig } from './resolve-config.ts';
import { LARGEST_CONFIG, nodeBudget, parseYaml } from './yaml-source.ts';

export interface LoadOptions {
  readonly file: string;
  /** From the command line, by dotted path (`log.level`): above the environment, which is above the file. */
  readonly overrides?: Readonly<Record<string, string>>;
  readonly env: Environment;
}

/**
 * Reads, checks and completes a configuration, and compiles its rules.
 * @throws ConfigError UNSTALE_CONFIG_UNREADABLE if the file cannot be read, or UNSTALE_CONFIG_INVALID with
 * every problem that there is
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  return compileConfig(await loadSettings(options));
}

/** Like `loadConfig`, without compiling. @throws ConfigError like it */
export async function loadSettings(options: LoadOptions): Promise<Settings> {
  const { file, overrides = {}, env } = options;
  const budget = nodeBudget();
  const document = parseYaml(file, await readText(file), { budget });
  applyOverrides(document, overrides, env);
  interpolateDocument(document, env);
  const raw = checkShape(document);
  const included = await readIncluded(document, raw.include, { env, budget });
  const settings = await resolveConfig(document, raw, included);
  const documents = [document, ...included.lists.map((list) => list.document)];
  const problems = documents.flatMap((one) => one.problems);
  if (settings === undefined || problems.length > 0)
    throw new ConfigError('UNSTALE_CONFIG_INVALID', problems, {
      files: [resolve(file), ...included.files],
      directories: included.directories,
    });
  return settings;
}

async function readText(file: string): Promise<string> {
  try {
    const text = await readTextUpTo(file, LARGEST_CONFIG);
    if (text !== undefined) return text;
  } catch (error) {
    const message = `the configuration cannot be read (${errorCodeOf(error)})`;
    const remedy = 'pass an existing file with -c FILE, or write one with unstale init';
    throw new ConfigError('UNSTALE_CONFIG_UNREADABLE', [{ file, path: '', message, remedy }]);
  }
  const message = 'the configuration is larger than 1 MiB';
  const remedy = 'pass a configuration file with -c FILE; rules may stand in several files (include)';
  throw new ConfigError('UNSTALE_CONFIG_UNREADABLE', [{ file, path: '', message, remedy }]);
}
