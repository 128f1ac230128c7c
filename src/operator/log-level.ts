import type { Logger, LogLevel } from '../observability/logger.ts';

/** The log level that an operator has set, for a while or until the configuration is read again. */
export class LogLevelSwitch {
  readonly #log: Logger;
  readonly #configured: () => LogLevel;
  #timer: NodeJS.Timeout | undefined;

  /** @param configured the level to go back to */
  constructor(log: Logger, configured: () => LogLevel) {
    this.#log = log;
    this.#configured = configured;
  }

  /** @param forMs after which time the configured level is back, ms; undefined: not by itself */
  set(level: LogLevel, forMs: number | undefined): object {
    clearTimeout(this.#timer);
    this.#change(level, forMs === undefined ? {} : { for_seconds: forMs / 1000 });
    if (forMs !== undefined) this.#timer = setTimeout(() => this.reset(), forMs).unref();
    return {
      result: 'set',
      level,
      until: forMs === undefined ? null : new Date(Date.now() + forMs).toISOString(),
    };
  }

  /** The configured level is back. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#log.level !== this.#configured()) this.#change(this.#configured(), {});
  }

  #change(level: LogLevel, fields: object): void {
    const announce = (): void =>
      this.#log.info({ ...fields, log_level: level }, 'the log level is another one');
    // Said where it can be seen, by the level before or by this one.
    if (level === 'debug' || level === 'info') {
      this.#log.setLevel(level);
      announce();
    } else {
      announce();
      this.#log.setLevel(level);
    }
  }
}
