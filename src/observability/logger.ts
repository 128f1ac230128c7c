import { pino } from 'pino';
import { errorFields } from './error-fields.ts';
import { prettyLine } from './pretty-line.ts';
import { redact, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  /** The least severe level that is written. */
  readonly level: LogLevel;
  /** `json`: one object a line, for machines. `pretty`: text, for a person at a terminal. */
  readonly format: 'json' | 'pretty';
  readonly clientId: string;
  /** Takes whole lines; standard output if absent. */
  readonly destination?: LogDestination;
}

export interface LogDestination {
  write(line: string): void;
}

/** Structured logging: fields first, then a sentence. */
export interface Logger {
  readonly level: LogLevel;
  /** Changes what is written from now on. */
  setLevel(level: LogLevel): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * A logger on pino. A JSON line holds `level` (a word), `time` (ISO 8601, UTC), `client_id`, the fields and
 * `msg`. Errors among the fields, at any depth, become `{ code, message, hint?, stack?, cause? }`; values
 * under secret names and passwords in URLs are replaced, in the message too.
 */
export function createLogger(options: LoggerOptions): Logger {
  let { level } = options;
  const renderError = (error: Error): object => errorFields(error, { stacks: level === 'debug' });
  const destination = options.destination ?? standardOutput();
  const logger = pino(
    {
      level: options.level,
      base: { client_id: options.clientId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) =>
          Object.fromEntries(
            Object.entries(redactedRecord(fields)).map(([name, value]) => [fieldName(name), value]),
          ),
      },
      // pino's own serializer would take the rendered error for an error again and add type and stack.
      serializers: { err: (value: unknown) => value },
    },
    options.format === 'json'
      ? destination
      : { write: (line: string) => destination.write(prettyLine(line)) },
  );

  function redactedRecord(fields: object): object {
    const copy = redact(fields, renderError);
    return typeof copy === 'object' && copy !== null ? copy : {};
  }

  return {
    get level() {
      return level;
    },
    setLevel: (wanted) => {
      level = wanted;
      logger.level = wanted;
    },
    debug: (fields, message) => logger.debug(fields, redactText(message)),
    info: (fields, message) => logger.info(fields, redactText(message)),
    warn: (fields, message) => logger.warn(fields, redactText(message)),
    error: (fields, message) => logger.error(fields, redactText(message)),
  };
}

const LINE_NAMES = new Set(['level', 'time', 'client_id', 'msg']);

/** A field must not stand in for the line's own members: a JSON reader keeps the last of two equal names. */
function fieldName(name: string): string {
  return LINE_NAMES.has(name) ? `${name}_` : name;
}

/** Synchronous, so that the last lines before an exit are not lost. */
function standardOutput(): LogDestination {
  return pino.destination({ fd: 1, sync: true });
}
