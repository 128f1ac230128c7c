import type { OperatorHandlers, Refused } from '../admin/handlers.ts';
import type { MysqlSource } from '../binlog/mysql-source.ts';
import { formatPosition } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { Logger } from '../observability/logger.ts';
import type { HistoryStore } from '../pipeline/ports.ts';
import { rewindPoint } from '../pipeline/rewind-point.ts';
import { waitApplied } from './applied-wait.ts';
import type { AppliedWork } from './applied-wait.ts';
import type { LogLevelSwitch } from './log-level.ts';
import type { OperatorPause } from './pause.ts';
import { shown } from './shown-position.ts';

/** The changes that this daemon applies now. */
export interface ActiveWork extends AppliedWork {
  readonly source: Pick<MysqlSource, 'received' | 'reached' | 'openGap' | 'probe'>;
  readonly history: HistoryStore;
  /**
   * Reads again from a position on, which is stored before, and stores no value up to where it was; false when it ends
   * before.
   */
  readonly rewind: (position: SourcePosition) => Promise<boolean>;
}

export interface OperatorActionsOptions {
  readonly pause: OperatorPause;
  readonly levels: LogLevelSwitch;
  /** Undefined while it does not: while it starts, stands by or stops. */
  readonly active: () => ActiveWork | undefined;
  readonly dryRun: boolean;
  readonly log: Logger;
}

/** By how much the clock of whoever asks may be ahead, ms. */
const CLOCKS_APART = 60_000;

/** What operators do to the running daemon. */
export function createOperatorActions(options: OperatorActionsOptions): OperatorHandlers {
  const { pause, levels } = options;
  let rewinding: Promise<{ readonly result: 'rewound' } | Refused> | undefined;
  return {
    pause: () => ({ result: 'paused', since: new Date(pause.pause()).toISOString() }),
    resume: () => {
      pause.resume();
      return { result: 'running' };
    },
    setLogLevel: (level, forMs) => levels.set(level, forMs),
    rewind: async (moment) => {
      if (rewinding !== undefined) return refused(notNow('another rewind is under way'));
      rewinding = rewind(moment, options).catch((error: unknown) => refused(asUnstaleError(error)));
      return rewinding.finally(() => {
        rewinding = undefined;
      });
    },
    wait: (target, timeoutMs, signal) => waitApplied(options.active, target, timeoutMs, signal),
  };
}

/** @throws UnstaleError that says why not */
async function rewind(
  moment: number,
  { active, dryRun, log }: OperatorActionsOptions,
): Promise<{ readonly result: 'rewound' }> {
  if (dryRun) throw notNow('a dry run stores no positions');
  const work = active();
  const from = work?.writer.applied;
  if (work === undefined || from === undefined) throw notNow('this daemon does not apply changes now');
  const { source, history } = work;
  if (source.openGap !== undefined) throw notNow('a gap is being recovered; rewind after it');
  if (moment > Date.now() + CLOCKS_APART) throw notNow('that moment has not come yet');
  const entries = await history.loadAll();
  const point = rewindPoint(entries, moment, from);
  if (point === undefined) throw tooShort(entries[0]?.at);
  const { position, entry } = point;
  const newest = source.received ?? from;
  await source.probe({ from: 'checkpoint', position, newest }, new AbortController().signal);
  log.warn(
    { from: formatPosition(position), applied: formatPosition(from), at: new Date(entry.at).toISOString() },
    'the operator rewinds: changes are applied again, as deletes',
  );
  if (!(await work.rewind(position))) throw notNow('the daemon is stopping');
  const outcome = {
    result: 'rewound' as const,
    at: new Date(entry.at).toISOString(),
    to: shown(position),
    from: shown(from),
  };
  return outcome;
}

/** The error of a history that begins at `oldest`, ms since the epoch. */
export function tooShort(oldest: number | undefined): UnstaleError {
  return new UnstaleError(
    'UNSTALE_HISTORY_TOO_SHORT',
    oldest === undefined
      ? 'no position of the past is kept yet'
      : `the oldest moment that one can go back to is ${new Date(oldest).toISOString()}`,
  );
}

function notNow(why: string): UnstaleError {
  return new UnstaleError('UNSTALE_ACTION_REFUSED', why);
}

function refused({ code, message }: UnstaleError): Refused {
  return { result: 'refused', code, message };
}
