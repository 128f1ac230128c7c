import { parseArgs } from 'node:util';

import type { MysqlFlavour } from '../scripts/servers/installed.ts';
import { DECODE_DATASETS } from './decode/datasets.ts';
import type { DecodeDatasetName } from './decode/datasets.ts';

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

/** Of `npm run bench -- decode`. */
export interface DecodeBenchOptions {
  readonly flavour: MysqlFlavour;
  readonly datasets: readonly DecodeDatasetName[];
  /** Measured rounds, each of all readers in turn. */
  readonly rounds: number;
  readonly quick: boolean;
  /** The server compresses what it writes to the binlog; only readers that can read that take part. */
  readonly compressed: boolean;
  readonly jsonFile: string | undefined;
}

/** Of `npm run bench -- mapping`. */
export interface MappingBenchOptions {
  /** Measured rounds, each of all scenarios in turn. */
  readonly rounds: number;
  readonly jsonFile: string | undefined;
}

/** Of `npm run bench -- lookups`. */
export interface LookupBenchOptions {
  readonly flavour: MysqlFlavour;
  /** Measured rounds, each of all loads and both sides in turn. */
  readonly rounds: number;
  readonly quick: boolean;
  readonly jsonFile: string | undefined;
}

/** Of `npm run bench -- reader`. */
export interface ReaderBenchOptions {
  /** Measured rounds, each of all contenders in turn. */
  readonly rounds: number;
  readonly quick: boolean;
  readonly jsonFile: string | undefined;
}

/** Of `npm run bench -- guards`. */
export interface GuardBenchOptions {
  readonly flavour: MysqlFlavour;
  /** Measured rounds, each of all contenders in turn. */
  readonly rounds: number;
  readonly quick: boolean;
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
  --help                 this text

       npm run bench -- decode [options]

  compares the readers of the binlog alone; takes --flavour, --quick, --json, and

  --dataset NAME         one of ${DECODE_DATASETS.join(', ')}
  --rounds N             measured rounds of all readers in turn, 5 by default
  --compressed           with binlog_transaction_compression (log_bin_compress on MariaDB)

       npm run bench -- mapping [options]

  measures what a row costs in the mapping alone; takes --quick, --json and --rounds N, 5 by default

       npm run bench -- lookups [options]

  counts the queries that rules with a lookup cost; takes --flavour, --quick, --json and --rounds (3 by default)

       npm run bench -- reader [options]

  measures what a hit costs in the reader kit, beside a bare GET; takes --quick, --json and --rounds (31 by default)

       npm run bench -- guards [options]

  measures what guards and stored values cost a catch-up; takes --flavour, --quick, --json and --rounds (5 by default)`;

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

/**
 * Options behind the word `decode`; undefined when help is asked for.
 * @throws UsageError
 */
export function parseDecodeOptions(args: readonly string[]): DecodeBenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const quick = values.quick ?? false;
  return {
    flavour: oneOf('--flavour', values.flavour ?? 'mysql', ['mysql', 'mariadb']),
    datasets:
      values.dataset === undefined ? DECODE_DATASETS : [oneOf('--dataset', values.dataset, DECODE_DATASETS)],
    rounds: roundsOf(values, 5),
    quick,
    compressed: values.compressed ?? false,
    jsonFile: values.json,
  };
}

/**
 * Options behind the word `mapping`; undefined when help is asked for.
 * @throws UsageError
 */
export function parseMappingOptions(args: readonly string[]): MappingBenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  return { rounds: roundsOf(values, 5), jsonFile: values.json };
}

/**
 * Options behind the word `lookups`; undefined when help is asked for.
 * @throws UsageError
 */
export function parseLookupOptions(args: readonly string[]): LookupBenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const quick = values.quick ?? false;
  return {
    flavour: oneOf('--flavour', values.flavour ?? 'mysql', ['mysql', 'mariadb']),
    rounds: roundsOf(values, 3),
    quick,
    jsonFile: values.json,
  };
}

/**
 * Options behind the word `reader`; undefined when help is asked for.
 * @throws UsageError
 */
export function parseReaderOptions(args: readonly string[]): ReaderBenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  return { rounds: roundsOf(values, 31), quick: values.quick ?? false, jsonFile: values.json };
}

/**
 * Options behind the word `guards`; undefined when help is asked for.
 * @throws UsageError
 */
export function parseGuardOptions(args: readonly string[]): GuardBenchOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  return {
    flavour: oneOf('--flavour', values.flavour ?? 'mysql', ['mysql', 'mariadb']),
    rounds: roundsOf(values, 5),
    quick: values.quick ?? false,
    jsonFile: values.json,
  };
}

function roundsOf(values: { readonly rounds?: string; readonly quick?: boolean }, most: number): number {
  const rounds = Number(values.rounds ?? (values.quick === true ? 1 : most));
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError('--rounds takes a number from 1');
  return rounds;
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
        rounds: { type: 'string' },
        compressed: { type: 'boolean' },
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
