import { readFile } from 'node:fs/promises';
import { checkShape } from './check-shape.ts';
import type { Config } from './config.ts';
import { ConfigError } from './errors.ts';
import { interpolateDocument } from './interpolate.ts';
import type { Environment } from './interpolate.ts';
import { applyOverrides } from './overrides.ts';
import { errorCodeOf } from './referenced-file.ts';
import { resolveConfig } from './resolve-config.ts';
import { parseYaml } from './yaml-source.ts';

export interface LoadOptions {
  readonly file: string;
  /** From the command line, by dotted path (`log.level`): above the environment, which is above the file. */
  readonly overrides?: Readonly<Record<string, string>>;
  readonly env: Environment;
}

/**
 * Reads, checks and completes a configuration.
 * @throws ConfigError UNSTALE_CONFIG_UNREADABLE if the file cannot be read, or UNSTALE_CONFIG_INVALID with
 * every problem that there is
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const { file, overrides = {}, env } = options;
  const document = parseYaml(file, await readText(file));
  applyOverrides(document, overrides, env);
  interpolateDocument(document, env);
  const config = await resolveConfig(document, checkShape(document));
  const { problems } = document;
  if (config === undefined || problems.length > 0) throw new ConfigError('UNSTALE_CONFIG_INVALID', problems);
  return config;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const message = `the configuration cannot be read (${errorCodeOf(error)})`;
    const remedy = 'pass an existing file with -c FILE, or write one with unstale init';
    throw new ConfigError('UNSTALE_CONFIG_UNREADABLE', [{ file, path: '', message, remedy }]);
  }
}
