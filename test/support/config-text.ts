import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { ConfigError, formatProblem } from '../../src/config/errors.ts';
import type { Problem } from '../../src/config/errors.ts';
import { loadConfig } from '../../src/config/load.ts';

export interface ConfigText {
  readonly env?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
  /** Files beside the configuration: name to content. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Loads a configuration from text, as if it were the file shop.yaml. */
export async function loadText(text: string, options: ConfigText = {}): Promise<Config> {
  const { env = {}, overrides = {}, files = {} } = options;
  const directory = await mkdtemp(join(tmpdir(), 'unstale-config-'));
  try {
    for (const [name, content] of Object.entries({ ...files, 'shop.yaml': text })) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), content);
    }
    return await loadConfig({ file: join(directory, 'shop.yaml'), overrides, env });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** What is wrong with a configuration text; the file's directory is cut off. */
export async function problemsOf(text: string, options: ConfigText = {}): Promise<Problem[]> {
  try {
    await loadText(text, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => ({ ...problem, file: problem.file.replace(/^.*\//, '') }));
  }
  return [];
}

/** A part of a configuration, and the lines that are said of it. */
export type Mistake = readonly [text: string, ...problems: string[]];

/**
 * The lines that a user reads of a configuration that is right but for `text`, which begins in its fourth line; without
 * the file's name.
 */
export async function mistakesOf(text: string): Promise<string[]> {
  const head = 'client_id: shop\nsource: {url: "mysql://unstale@db"}\nredis: {url: "redis://cache"}\n';
  const problems = await problemsOf(`${head}${text}\n`, { files: { 'rules/a.yaml': 'rules: []' } });
  return problems.map((problem) => formatProblem(problem).replace(/^shop\.yaml:/, ''));
}
