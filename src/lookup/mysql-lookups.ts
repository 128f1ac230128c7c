import { requestIdentity } from '../change/command.ts';
import type { CacheCommand, LookupRequest } from '../change/command.ts';
import { toColumnValue } from '../change/row-change.ts';
import type { RowImage } from '../change/row-change.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Lookup } from '../mapping/plan.ts';
import type { Log, LookupRunner, RetryDelay, SqlClient } from '../pipeline/ports.ts';
import { CombinationSize } from './combination-size.ts';
import { LookupCache } from './lookup-cache.ts';
import { combinedStatement, isCombinable, lookupStatement, QUESTION } from './lookup-statement.ts';

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
/** Rows of results that may be in memory together; more requests wait for the next round. */
const MAX_ROWS = 10_000;
/** Rows that one statement for several requests may give. */
const MAX_ROWS_COMBINED = MAX_ROWS / CONCURRENCY;

/** Requests of one lookup that one statement asks. */
interface Question {
  readonly lookup: Lookup;
  readonly requests: readonly LookupRequest[];
}

/** `widen`: all that the lookup's rule can produce has to go. `apart`: to be asked in smaller parts. */
type Answer = readonly CacheCommand[] | 'widen' | 'apart';

/**
 * Runs the lookups of changes on a SQL server, several requests of a lookup in one statement where that is safe and
 * quick. What gets no answer, or too large a one, is widened: the commands that stand for all keys of the lookup's
 * rule take the place of its result, and of its other results in the same call, which they contain.
 */
export class MysqlLookups implements LookupRunner {
  readonly #options: MysqlLookupsOptions;
  readonly #cache = new LookupCache();
  readonly #sizes: ReadonlyMap<Lookup, CombinationSize>;
  readonly #reported = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #free = CONCURRENCY;

  constructor(options: MysqlLookupsOptions) {
    this.#options = options;
    this.#sizes = new Map(
      options.lookups.map((lookup) => [
        lookup,
        new CombinationSize({ combinable: isCombinable(lookup), maxRows: MAX_ROWS_COMBINED }),
      ]),
    );
  }

  /** @throws UnstaleError when a request is not one of the plan's lookups. */
  async *resolve(
    requests: readonly LookupRequest[],
    signal: AbortSignal,
  ): AsyncGenerator<readonly CacheCommand[]> {
    const waiting = new Map<Lookup, LookupRequest[]>();
    const widened = new Set<Lookup>();
    let commands: CacheCommand[] = [];
    for (const [identity, request] of new Map(requests.map((each) => [requestIdentity(each), each]))) {
      const lookup = this.#lookup(request);
      const cached = this.#cached(lookup, identity);
      if (cached === undefined) {
        const others = waiting.get(lookup);
        if (others === undefined) waiting.set(lookup, [request]);
        else others.push(request);
        continue;
      }
      for (const command of cached) commands.push(command);
      if (commands.length >= MAX_ROWS) {
        yield commands;
        commands = [];
      }
    }
    while (waiting.size > 0 && !signal.aborted) {
      await Promise.all(
        this.#takeRound(waiting).map(async (question) => {
          const answer = await this.#inTurn(question, widened, signal);
          if (answer === 'widen') widened.add(question.lookup);
          else if (answer === 'apart') {
            waiting.set(question.lookup, [...question.requests, ...(waiting.get(question.lookup) ?? [])]);
          } else for (const command of answer) commands.push(command);
        }),
      );
      for (const lookup of widened) waiting.delete(lookup);
      if (commands.length > 0) yield commands;
      commands = [];
    }
    for (const { fallback } of widened) commands.push(...fallback);
    if (commands.length > 0) yield commands;
  }

  #lookup(request: LookupRequest): Lookup {
    const lookup = this.#options.lookups[request.lookup];
    if (lookup === undefined) throw new UnstaleError('UNSTALE_INTERNAL', `no lookup ${request.lookup}`);
    return lookup;
  }

  #cached(lookup: Lookup, key: string): readonly CacheCommand[] | undefined {
    const cached = lookup.cache > 0 ? this.#cache.get(key, this.#options.now()) : undefined;
    if (cached !== undefined) this.#options.onResult('cached');
    return cached;
  }

  /** Takes as much of what waits as may be in memory together. */
  #takeRound(waiting: Map<Lookup, LookupRequest[]>): Question[] {
    const round: Question[] = [];
    let rows = 0;
    for (const [lookup, requests] of waiting) {
      while (requests.length > 0) {
        const count = this.#sizes.get(lookup)?.of(requests) ?? 1;
        const most = count === 1 ? lookup.maxKeys : Math.min(count * lookup.maxKeys, MAX_ROWS_COMBINED);
        if (round.length > 0 && rows + most > MAX_ROWS) return round;
        rows += most;
        round.push({ lookup, requests: requests.splice(0, count) });
      }
      waiting.delete(lookup);
    }
    return round;
  }

  async #inTurn(question: Question, widened: ReadonlySet<Lookup>, signal: AbortSignal): Promise<Answer> {
    await this.#acquire();
    try {
      if (signal.aborted || widened.has(question.lookup)) return [];
      return await (question.requests.length === 1
        ? this.#askAlone(question, signal)
        : this.#askTogether(question));
    } finally {
      this.#release();
    }
  }

  async #askAlone({ lookup, requests }: Question, signal: AbortSignal): Promise<Answer> {
    const [request] = requests;
    if (request === undefined) return [];
    // A result is as old as its question.
    const asked = this.#options.now();
    const rows = await this.#query(lookup, request, signal);
    if (rows === undefined) {
      this.#options.onResult('failed');
      return 'widen';
    }
    this.#sizes.get(lookup)?.answered(1, rows.length, this.#options.now() - asked);
    return this.#commandsOf(lookup, request, rows, asked);
  }

  /** A failure says nothing of each request by itself. */
  async #askTogether({ lookup, requests }: Question): Promise<Answer> {
    const size = this.#sizes.get(lookup);
    const { client, now } = this.#options;
    const asked = now();
    const perRequest = requests[0]?.parameters.length ?? 0;
    const bounds = { count: requests.length, maxRows: MAX_ROWS_COMBINED + 1 };
    let rows: readonly Readonly<Record<string, unknown>>[];
    try {
      const parameters = requests.flatMap((request) => request.parameters);
      rows = await client.query(combinedStatement(lookup, perRequest, bounds), parameters);
    } catch {
      size?.failed();
      return 'apart';
    }
    if (rows.length > MAX_ROWS_COMBINED) {
      size?.cut(requests.length);
      return 'apart';
    }
    const results = requests.map((): RowImage[] => []);
    for (const row of rows) {
      const result = results[Number(row[QUESTION])];
      // A row that answers nobody's question would be keys that nobody deletes.
      if (result === undefined) {
        size?.failed();
        return 'apart';
      }
      result.push(imageOf(lookup, row));
    }
    size?.answered(requests.length, rows.length, now() - asked);
    const commands: CacheCommand[] = [];
    for (const [no, request] of requests.entries()) {
      const found = this.#commandsOf(lookup, request, results[no] ?? [], asked);
      if (found === 'widen') return found;
      for (const command of found) commands.push(command);
    }
    return commands;
  }

  #commandsOf(
    lookup: Lookup,
    request: LookupRequest,
    rows: readonly RowImage[],
    asked: number,
  ): readonly CacheCommand[] | 'widen' {
    const { onResult } = this.#options;
    if (rows.length > lookup.maxKeys) {
      onResult('overflow');
      this.#reportOnce(lookup, 'overflow', () =>
        this.#options.log.warn(
          { rule: lookup.rule, max_keys: lookup.maxKeys },
          'a lookup has more rows than its max_keys: all keys of its rule go instead',
        ),
      );
      return 'widen';
    }
    const commands: CacheCommand[] = [];
    lookup.commandsOf(rows, commands);
    if (lookup.cache > 0) this.#cache.set(requestIdentity(request), commands, asked + lookup.cache);
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
        const rows = await client.query(lookupStatement(lookup, parameters.length), parameters);
        return rows.map((row) => imageOf(lookup, row));
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

function imageOf({ columns }: Lookup, row: Readonly<Record<string, unknown>>): RowImage {
  return columns.map((column) => toColumnValue(row[column]));
}
