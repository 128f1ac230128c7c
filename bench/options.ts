import { parseArgs } from 'node:util';

import type { MysqlFlavour } from '../scripts/servers/installed.ts';

export const DATASET_NAMES = ['narrow-small', 'narrow-huge', 'wide-small'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

export interface BenchOptions {
  readonly flavour: MysqlFlavour;
  readonly parts: readonly ('catch-up' | 'live')[];
  readonly datasets: readonly DatasetName[];
  /** Measured rounds of each side. */
  readonly pairs: number;
  /** Small sizes and no warm-up: shows that everything works; the figures mean little. */
  readonly quick: boolean;
  /** Where all figures of all rounds go. */
  readonly jsonFile: string | undefined;
}

export class UsageError extends Error {}

export const USAGE = `Usage: npm run bench -- [options]

  --only catch-up|live   one of the two parts
  --dataset NAME         catch-up on one dataset: ${DATASET_NAMES.join(', ')}
  --flavour NAME         mysql (default) or mariadb
  --pairs N              measured rounds of each side, 3 by default
  --quick                small sizes, one pair, no warm-up; under a minute
  --json FILE            write the figures of every round as JSON
  --help                 this text`;

/**
 * Undefined when help is asked for.
 * @throws UsageError
 */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const quick = values.quick ?? false;
  const dataset =
    values.dataset === undefined ? undefined : oneOf('--dataset', values.dataset, DATASET_NAMES);
  const only = values.only === undefined ? undefined : oneOf('--only', values.only, ['catch-up', 'live']);
  const pairs = Number(values.pairs ?? (quick ? 1 : 3));
  if (!Number.isInteger(pairs) || pairs < 1) throw new UsageError('--pairs takes a number from 1');
  return {
    flavour: oneOf('--flavour', values.flavour ?? 'mysql', ['mysql', 'mariadb']),
    parts: only === undefined ? (dataset === undefined ? ['catch-up', 'live'] : ['catch-up']) : [only],
    datasets: dataset === undefined ? DATASET_NAMES : [dataset],
    pairs,
    quick,
    jsonFile: values.json,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        dataset: { type: 'string' },
        flavour: { type: 'string' },
        pairs: { type: 'string' },
        quick: { type: 'boolean' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<const T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw new UsageError(`${option} takes ${allowed.join(', ')}; not ${value}`);
  return found;
}
