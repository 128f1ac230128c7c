import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Contender } from './contender.ts';

const directory = fileURLToPath(new URL('competitors/', import.meta.url));

/**
 * Other caches, whose packages are installed when they are first measured: nothing else needs them.
 * @throws Error when they cannot be installed
 */
export async function openCompetitors(): Promise<readonly Contender[]> {
  if (!existsSync(`${directory}node_modules`)) {
    const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: directory,
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`npm ci failed in ${directory}`);
  }
  const module: unknown = await import(new URL('competitors/contenders.mjs', import.meta.url).href);
  if (typeof module !== 'object' || module === null || !('COMPETITORS' in module)) throw noCompetitors();
  const { COMPETITORS } = module;
  if (!Array.isArray(COMPETITORS) || !COMPETITORS.every(isContender)) throw noCompetitors();
  return COMPETITORS;
}

function isContender(value: unknown): value is Contender {
  return typeof value === 'object' && value !== null && 'name' in value && 'open' in value;
}

function noCompetitors(): Error {
  return new Error('bench/reader/competitors/contenders.mjs exports no contenders');
}
