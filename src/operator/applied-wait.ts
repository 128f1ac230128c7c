import type { WaitOutcome, WaitTarget } from '../admin/handlers.ts';
import { gtidFlavour, parseExecutedGtids } from '../binlog/gtid-set.ts';
import type { MysqlSource } from '../binlog/mysql-source.ts';
import { formatPosition, isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import type { CheckpointWriter } from '../pipeline/checkpoint-writer.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { sleep } from '../runtime/sleep.ts';

/** The changes that this daemon applies now, as far as it matters for how far it is. */
export interface AppliedWork {
  readonly source: Pick<MysqlSource, 'received' | 'reached' | 'openGap'>;
  /** Tells up to where Redis has acknowledged everything. */
  readonly writer: Pick<CheckpointWriter, 'applied'>;
  readonly pipeline: Pick<Pipeline, 'inFlightBytes'>;
}

/** Between two looks, ms. */
const INTERVAL = 10;
const LONGEST_TEXT = 1000;

/**
 * Waits until everything up to a target is applied by Redis.
 *
 * @param active undefined while this daemon does not apply changes: the state tables know better then
 * @throws RangeError with a sentence for the caller if the GTID set cannot be understood
 */
export async function waitApplied(
  active: () => AppliedWork | undefined,
  target: WaitTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<WaitOutcome> {
  const deadline = performance.now() + timeoutMs;
  const missingFrom = comparison(target);
  for (let seen: string | undefined; ;) {
    const work = active();
    const position = work === undefined ? undefined : appliedPosition(work);
    const state =
      position === undefined ? undefined : `${formatPosition(position)} ${position.gtidSet ?? ''}`;
    if (position === undefined) return outcome('unknown', position, undefined);
    const late = performance.now() >= deadline || signal.aborted;
    if (state !== seen || late) {
      const missing = missingFrom(position);
      if (missing === undefined) return outcome('unknown', position, undefined);
      if (missing === '') return outcome('applied', position, missing);
      if (late) return outcome('timeout', position, missing);
    }
    seen = state;
    await sleep(INTERVAL, signal);
  }
}

/**
 * Up to where everything is applied. Behind the last change for the pipeline there may be transactions of other tables,
 * of unstale itself, which need nothing done.
 */
function appliedPosition({ source, writer, pipeline }: AppliedWork): SourcePosition | undefined {
  const [{ applied }, { received, reached, openGap }] = [writer, source];
  if (applied === undefined || received === undefined || reached === undefined) return applied;
  const isCaughtUp = !isBefore(applied, received) && !isBefore(received, applied);
  return isCaughtUp && pipeline.inFlightBytes === 0 && openGap === undefined ? reached : applied;
}

/** What of the target a position misses: '' if nothing, undefined if that cannot be told. */
function comparison(target: WaitTarget): (position: SourcePosition) => string | undefined {
  if (target.gtid === undefined) {
    const { place } = target;
    return (position) => {
      if (baseName(place.file) !== baseName(position.file)) return undefined;
      return isBefore(position, { ...place, epoch: position.epoch }) ? formatPosition(place) : '';
    };
  }
  const { gtid } = target;
  const flavour = gtidFlavour(gtid);
  try {
    parseExecutedGtids(gtid, flavour);
  } catch (error) {
    throw new RangeError(asUnstaleError(error).message, { cause: error });
  }
  return ({ gtidSet }) => {
    if (gtidSet === undefined) return undefined;
    if (gtidSet !== '' && gtidFlavour(gtidSet) !== flavour) return undefined;
    return parseExecutedGtids(gtidSet, flavour).missing(gtid);
  };
}

function outcome(
  result: WaitOutcome['result'],
  position: SourcePosition | undefined,
  missing: string | undefined,
): WaitOutcome {
  const text =
    missing === undefined || missing.length <= LONGEST_TEXT ? missing : `${missing.slice(0, LONGEST_TEXT)}…`;
  return {
    result,
    applied: position === undefined ? null : formatPosition(position),
    missing: text ?? null,
  };
}

function baseName(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}
