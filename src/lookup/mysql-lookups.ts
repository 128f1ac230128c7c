import type { CacheCommand, LookupRequest } from '../change/command.ts';
import type { ColumnValue, RowImage } from '../change/row-change.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Lookup } from '../mapping/plan.ts';
import type { Log, LookupRunner, RetryDelay, SqlClient } from '../pipeline/ports.ts';
import { LookupCache, requestKey } from './lookup-cache.ts';

/** `overflow` and `failed` have widened to everything that the lookup's rule can produce. */
export type LookupResult = 'ok' | 'cached' | 'overflow' | 'failed';

export interface MysqlLookupsOptions {
  /** Its statements may take as long as the longest lookup, and it has a connection for each of CONCURRENCY. */
  readonly client: SqlClient;
  readonly lookups: readonly Lookup[];
  readonly retryDelay: RetryDelay;
  /** ms of a clock that never goes back. */
  readonly now: () => number;
  readonly log: Log;
  readonly onResult: (result: LookupResult) => void;
}

/** Queries that run at the same time. */
export const CONCURRENCY = 4;
const ATTEMPTS = 3;

/**
 * Runs the lookups of changes on a SQL server. What gets no answer, or too large a one, is widened: the commands
 * that stand for all keys of the lookup's rule take the place of its result, and of its other results in the same
 * call, which they contain.
 */
export class MysqlLookups implements LookupRunner {
  readonly #options: MysqlLookupsOptions;
  readonly #cache = new LookupCache();
  readonly #reported = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #free = CONCURRENCY;

  constructor(options: MysqlLookupsOptions) {
    this.#options = options;
  }

  /** @throws UnstaleError when a request is not one of the plan's lookups. */
  async resolve(requests: readonly LookupRequest[], signal: AbortSignal): Promise<readonly CacheCommand[]> {
    const distinct = new Map(requests.map((request) => [requestKey(request), request]));
    const widened = new Set<Lookup>();
    const commands: CacheCommand[] = [];
    await Promise.all(
      [...distinct].map(async ([key, request]) => {
        const lookup = this.#options.lookups[request.lookup];
        if (lookup === undefined) throw new UnstaleError('UNSTALE_INTERNAL', `no lookup ${request.lookup}`);
        await this.#acquire();
        try {
          if (signal.aborted || widened.has(lookup)) return;
          const found = await this.#answer(lookup, key, request, signal);
          if (found === undefined) widened.add(lookup);
          else for (const command of found) commands.push(command);
        } finally {
          this.#release();
        }
      }),
    );
    for (const { fallback } of widened) commands.push(...fallback);
    return commands;
  }

  /** The commands of one request; undefined if they have to be widened. */
  async #answer(
    lookup: Lookup,
    key: string,
    request: LookupRequest,
    signal: AbortSignal,
  ): Promise<readonly CacheCommand[] | undefined> {
    const { onResult, now } = this.#options;
    const cached = lookup.cache > 0 ? this.#cache.get(key, now()) : undefined;
    if (cached !== undefined) {
      onResult('cached');
      return cached;
    }
    // A result is as old as its question.
    const asked = now();
    const rows = await this.#query(lookup, request, signal);
    if (rows === undefined) {
      onResult('failed');
      return undefined;
    }
    if (rows.length > lookup.maxKeys) {
      onResult('overflow');
      this.#reportOnce(lookup, 'overflow', () =>
        this.#options.log.warn(
          { rule: lookup.rule, max_keys: lookup.maxKeys },
          'a lookup has more rows than its max_keys: all keys of its rule go instead',
        ),
      );
      return undefined;
    }
    const commands: CacheCommand[] = [];
    lookup.commandsOf(rows, commands);
    if (lookup.cache > 0) this.#cache.set(key, commands, asked + lookup.cache);
    onResult('ok');
    return commands;
  }

  async #query(
    lookup: Lookup,
    { parameters }: LookupRequest,
    signal: AbortSignal,
  ): Promise<readonly RowImage[] | undefined> {
    const { client, retryDelay } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        requirePlaceholders(lookup, parameters.length);
        const rows = await client.query(boundedSql(lookup), parameters);
        return rows.map((row) => lookup.columns.map((column) => columnValue(row[column])));
      } catch (thrown) {
        const error = asUnstaleError(thrown);
        if (error.policy.directive !== 'retry' || attempt >= ATTEMPTS) {
          this.#reportOnce(lookup, error.code, () =>
            this.#options.log.error(
              { rule: lookup.rule, err: error },
              'a lookup failed: all keys of its rule go instead',
            ),
          );
          return undefined;
        }
        await retryDelay(attempt, signal);
      }
    }
    return undefined;
  }

  #reportOnce(lookup: Lookup, what: string, report: () => void): void {
    const name = `${this.#options.lookups.indexOf(lookup)} ${what}`;
    if (this.#reported.has(name)) return;
    this.#reported.add(name);
    report();
  }

  #acquire(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/**
 * The lookup's statement, of which the server returns one row more than may be and stops at the timeout. A derived
 * table keeps the limit whatever LIMIT, UNION or WITH the statement has; the line break ends a comment at its end.
 * Each server reads its own time limit: MariaDB `M!` comments in seconds, MySQL hints in ms.
 */
function boundedSql({ sql, columns, maxKeys, timeout }: Lookup): string {
  // Without the alias the server names a column as the table does, which may differ in case.
  const quoted = columns.map((name) => `\`${name.replaceAll('`', '``')}\``);
  const names = quoted.map((name) => `${name} AS ${name}`).join(', ');
  return (
    `/*M! SET STATEMENT max_statement_time=${timeout / 1000} FOR */ ` +
    `SELECT /*+ MAX_EXECUTION_TIME(${timeout}) */ ${names} FROM (\n${sql}\n) AS unstale_lookup LIMIT ${maxKeys + 1}`
  );
}

/** The driver takes every question mark for a placeholder, those in strings too, and two for a name. */
function requirePlaceholders({ rule, sql, columns }: Lookup, count: number): void {
  const marks = `${columns.join()} ${sql}`.match(/\?+/g) ?? [];
  if (marks.length === count && marks.every((mark) => mark === '?')) return;
  throw new UnstaleError(
    'UNSTALE_INTERNAL',
    `${rule}: the lookup has question marks that are no placeholders`,
  );
}

/** What has no text that the binlog would give too is unknown, as an absent column is. */
function columnValue(value: unknown): ColumnValue {
  if (typeof value === 'string' || typeof value === 'number' || value === null) return value;
  return value instanceof Uint8Array ? value : undefined;
}
