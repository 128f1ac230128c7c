import { isDeepStrictEqual } from 'node:util';
import type { CacheCommand } from '../change/command.ts';
import { compileConfig } from '../config/compile-config.ts';
import type { Config, Settings } from '../config/config.ts';
import { RefusedConfig } from '../config/errors.ts';
import type { ConfigSources } from '../config/errors.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { compilePlan } from '../mapping/plan.ts';
import { canonicalRule } from '../mapping/rule.ts';
import type { Rule } from '../mapping/rule.ts';
import type { Log } from '../pipeline/ports.ts';

/** What became of a reload; goes out as JSON. */
export type ReloadOutcome =
  | {
      readonly result: 'applied';
      readonly mapping_hash: string;
      readonly rules: { readonly added: number; readonly removed: number; readonly kept: number };
      /** Globs and generations of rules that changed or went away, on their way to Redis. */
      readonly invalidated: readonly string[];
    }
  | { readonly result: 'unchanged'; readonly mapping_hash: string }
  | { readonly result: 'refused'; readonly code: string; readonly message: string };

export interface ReloadRequest {
  /** What asked for it. */
  readonly by: 'signal' | 'request' | 'file';
  /** Whether what rules that changed or went away stand for is removed; as the new configuration says unless given. */
  readonly invalidate?: boolean | undefined;
}

export interface ReloaderOptions {
  /** Reads the configuration again. @throws UnstaleError with all that is wrong with it. */
  readonly load: () => Promise<Settings>;
  readonly current: () => Config;
  /** @throws UnstaleError when the servers do not allow the configuration. */
  readonly check: (config: Config) => Promise<void>;
  /**
   * Puts a configuration in force, and sends `first` before anything that it maps. A daemon that stands by sends nothing:
   * it is the leader's to remove what rules stood for.
   */
  readonly apply: (
    config: Config,
    first: readonly CacheCommand[],
  ) => Promise<'leading' | 'standby' | 'stopping'>;
  readonly log: Log;
}

/** What cannot change while the daemon runs, as the file names it. */
const FIXED = {
  clientId: 'client_id',
  source: 'source',
  state: 'state',
  redis: 'redis',
  batch: 'batch',
  lookups: 'lookups',
  tombstone: 'tombstone',
  publish: 'publish',
  admin: 'admin',
  shutdownTimeout: 'shutdown_timeout',
} as const satisfies Partial<Record<keyof Settings, string>>;

/**
 * Reads the configuration again and puts it in force: validated whole, and refused whole if anything is wrong with it
 * or cannot change now. One at a time, in order.
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** One that has not read anything yet. */
  #waiting: { readonly invalidate: boolean | undefined; readonly turn: Promise<ReloadOutcome> } | undefined;
  #open = 0;
  #read: ConfigSources | undefined;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  /** Whether a reload is under way; while Redis is away it stays so. */
  get isPending(): boolean {
    return this.#open > 0;
  }

  /** What the configuration was read from last, whether it was put in force or not; undefined before the first time. */
  get read(): ConfigSources | undefined {
    return this.#read;
  }

  /** Never rejects. Takes as long as Redis is away, if it is. Of several that wait with the same request one is done. */
  reload(request: ReloadRequest): Promise<ReloadOutcome> {
    const { invalidate } = request;
    if (this.#waiting !== undefined && this.#waiting.invalidate === invalidate) return this.#waiting.turn;
    this.#open += 1;
    const turn = this.#last.then(async () => {
      if (this.#waiting === waiting) this.#waiting = undefined;
      const outcome = await this.#reload(request);
      this.#open -= 1;
      return outcome;
    });
    const waiting = { invalidate, turn };
    this.#waiting = waiting;
    this.#last = turn;
    return turn;
  }

  async #reload({ by, invalidate }: ReloadRequest): Promise<ReloadOutcome> {
    const { load, current, check, apply, log } = this.#options;
    try {
      const settings = await load();
      this.#read = { files: settings.files, directories: settings.directories };
      const before = current();
      refuseFixed(before, settings);
      const config = compileConfig(settings);
      if (isSame(before, settings)) {
        log.debug({ by }, 'the configuration is read again and says the same');
        return { result: 'unchanged', mapping_hash: before.plan.hash };
      }
      await check(config);
      const { added, removed, kept } = compareRules(before.rules, config.rules);
      const first = (invalidate ?? config.reload.invalidate) ? scopesOf(removed) : [];
      const applied = await apply(config, first);
      if (applied === 'stopping') {
        throw new UnstaleError('UNSTALE_RELOAD_REFUSED', 'the daemon is stopping');
      }
      const rules = { added: added.length, removed: removed.length, kept: kept.length };
      const sent = applied === 'leading' ? first : [];
      const invalidated = sent.map((command) => (command.kind === 'scope' ? command.pattern : command.key));
      log.info(
        { by, from: before.plan.hash, mapping_hash: config.plan.hash, rules, invalidated },
        applied === 'leading'
          ? 'the configuration is reloaded and in force'
          : 'the configuration is reloaded, for when this daemon leads',
      );
      return { result: 'applied', mapping_hash: config.plan.hash, rules, invalidated };
    } catch (thrown) {
      const error = asUnstaleError(thrown);
      if (error instanceof RefusedConfig) this.#read = error.sources ?? this.#read;
      log.error(
        { by, code: 'UNSTALE_RELOAD_REFUSED', err: error },
        'the configuration is not reloaded; the one before stays in force',
      );
      return { result: 'refused', code: error.code, message: error.message };
    }
  }
}

/** @throws UnstaleError that names every section that would need a restart. */
function refuseFixed(before: Settings, after: Settings): void {
  const changed: string[] = Object.entries(FIXED).flatMap(([field, name]) =>
    isDeepStrictEqual(Reflect.get(before, field), Reflect.get(after, field)) ? [] : [name],
  );
  if (before.log.format !== after.log.format) changed.push('log.format');
  if (changed.length === 0) return;
  throw new UnstaleError(
    'UNSTALE_RELOAD_REFUSED',
    `changed, but read only at a start: ${changed.join(', ')}. Restart the daemon, or undo it`,
  );
}

/** Whatever else can change is in one of the settings. */
function isSame({ plan: _compiled, ...before }: Config, after: Settings): boolean {
  return isDeepStrictEqual(before, after);
}

function compareRules(
  before: readonly Rule[],
  after: readonly Rule[],
): { readonly added: Rule[]; readonly removed: Rule[]; readonly kept: Rule[] } {
  const [old, current] = [before, after].map((rules) => new Set(rules.map(canonicalRule)));
  return {
    added: after.filter((rule) => old?.has(canonicalRule(rule)) !== true),
    removed: before.filter((rule) => current?.has(canonicalRule(rule)) !== true),
    kept: after.filter((rule) => old?.has(canonicalRule(rule)) === true),
  };
}

/** What stands for all keys of these rules, whatever the table. */
function scopesOf(rules: readonly Rule[]): CacheCommand[] {
  return compilePlan(rules).scopes([{}], 'reload');
}
