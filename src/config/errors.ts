import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/**
 * Where a value came from: a file with line and column (from 1), or only a name, for an environment variable
 * and the command line.
 */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** One thing that is wrong in a configuration. Holds no values, so that no secret can be printed. */
export interface Problem extends Place {
  /** The field, e.g. `rules[0].key`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
}

/** What a configuration was read from, in absolute paths. */
export interface ConfigSources {
  readonly files: readonly string[];
  /** Where a new or removed file can change which files are read. */
  readonly directories: readonly string[];
}

/** A configuration that cannot be used, and where it can be mended as far as that is known. */
export class RefusedConfig extends UnstaleError {
  readonly sources: ConfigSources | undefined;

  constructor(code: ErrorCode, message: string, sources?: ConfigSources) {
    super(code, message);
    this.name = 'RefusedConfig';
    this.sources = sources;
  }
}

/** Everything that is wrong with a configuration; the message has one line for each problem. */
export class ConfigError extends RefusedConfig {
  readonly problems: readonly Problem[];

  constructor(
    code: 'UNSTALE_CONFIG_INVALID' | 'UNSTALE_CONFIG_UNREADABLE',
    problems: readonly Problem[],
    sources?: ConfigSources,
  ) {
    super(code, problems.map(formatProblem).join('\n'), sources);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Of a path, a message and a remedy, which can repeat names from the file. */
const LONGEST_PART = 700;

/** `shop.yaml:7:5  rules[0].key  what is wrong  → what to write instead`, on one line. */
export function formatProblem(problem: Problem): string {
  const { file, line, column } = problem;
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  const text = [place, shorten(problem.path), shorten(problem.message)]
    .filter((part) => part !== '')
    .join('  ');
  return `${text}  → ${shorten(problem.remedy)}`.replace(/\s*[\r\n]+\s*/g, ' ');
}

function shorten(part: string): string {
  return part.length > LONGEST_PART ? `${part.slice(0, LONGEST_PART)}…` : part;
}
