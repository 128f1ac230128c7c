import { ERROR_CATALOG } from '../errors/catalog.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { Logger } from './logger.ts';
import { redactText } from './redact.ts';

/** What happened, perhaps several times in a row. Times are in ms since the epoch. */
export interface RecentError {
  /** How the log tells it. */
  readonly level: 'warn' | 'error';
  readonly code: ErrorCode;
  /** Of the last time; without passwords. */
  readonly message: string;
  readonly hint: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
}

/** The last errors, the newest first. What repeats without another error in between is one of them, with a count. */
export class ErrorRing {
  readonly #capacity: number;
  readonly #now: () => number;
  #errors: readonly RecentError[] = [];

  constructor({ capacity = 20, now = Date.now }: { capacity?: number; now?: () => number } = {}) {
    this.#capacity = capacity;
    this.#now = now;
  }

  get recent(): readonly RecentError[] {
    return this.#errors;
  }

  add(level: RecentError['level'], code: ErrorCode, message: string): void {
    const lastAt = this.#now();
    const [newest, ...rest] = this.#errors;
    const repeats = newest?.code === code;
    const error: RecentError = {
      level,
      code,
      message: redactText(message),
      hint: ERROR_CATALOG[code].hint,
      firstAt: repeats ? newest.firstAt : lastAt,
      lastAt,
      count: repeats ? newest.count + 1 : 1,
    };
    this.#errors = [error, ...(repeats ? rest : this.#errors)].slice(0, this.#capacity);
  }
}

/**
 * Keeps an error. Of one without a documented code only `sentence` is kept: a driver's message may hold values of rows.
 */
export function keepError(
  ring: ErrorRing,
  level: RecentError['level'],
  error: Error,
  sentence: string,
): void {
  const documented = error instanceof UnstaleError && error.code !== 'UNSTALE_INTERNAL';
  if (documented) ring.add(level, error.code, error.message);
  else ring.add(level, 'UNSTALE_INTERNAL', sentence);
}

/**
 * A log that also keeps the errors that it is told as warnings and errors.
 */
export function keepingErrors(log: Logger, ring: ErrorRing): Logger {
  return {
    get level() {
      return log.level;
    },
    setLevel: (level) => log.setLevel(level),
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => {
      log.warn(fields, message);
      keep(ring, 'warn', fields, message);
    },
    error: (fields, message) => {
      log.error(fields, message);
      keep(ring, 'error', fields, message);
    },
  };
}

/** The log's two ways to name an error: itself as `err`, or its `code` and `reason`. */
function keep(ring: ErrorRing, level: RecentError['level'], fields: object, sentence: string): void {
  if ('err' in fields && fields.err instanceof Error) {
    keepError(ring, level, fields.err, sentence);
  } else if ('code' in fields && isCode(fields.code)) {
    const reason = 'reason' in fields && typeof fields.reason === 'string' ? fields.reason : sentence;
    ring.add(level, fields.code, reason);
  }
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CATALOG, code);
}
