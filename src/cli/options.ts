import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Config, Settings } from '../config/config.ts';

export interface ConfigFlags {
  readonly config: string;
  readonly set?: Readonly<Record<string, string>>;
}

/** Adds `-c FILE` and `--set path=value`, which every command with a configuration has. */
export function withConfigFlags(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file', 'unstale.yaml')
    .option(
      '--set <path=value>',
      'override one field, e.g. --set log.level=debug (repeatable)',
      collectOverride,
    );
}

/** The configuration that the flags, the environment and the file give together. */
export async function configOf(flags: ConfigFlags): Promise<Config> {
  const settings = await settingsOf(flags);
  const { compileConfig } = await import('../config/compile-config.ts');
  return compileConfig(settings);
}

/** Like `configOf`, without the compiled rules. */
export async function settingsOf(flags: ConfigFlags): Promise<Settings> {
  const { loadSettings } = await import('../config/load.ts');
  return loadSettings({
    file: flags.config,
    env: process.env,
    ...(flags.set === undefined ? {} : { overrides: flags.set }),
  });
}

function collectOverride(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const cut = text.indexOf('=');
  if (cut < 1) throw new InvalidArgumentError('write path=value, e.g. log.level=debug');
  return { ...previous, [text.slice(0, cut)]: text.slice(cut + 1) };
}
