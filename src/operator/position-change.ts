import { bytesBetween, listBinlogFiles } from '../binlog/binlog-files.ts';
import { gtidFlavour, parseExecutedGtids } from '../binlog/gtid-set.ts';
import { formatPosition, isBefore, setBack } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Config, InitPosition } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { rewindPoint } from '../pipeline/rewind-point.ts';
import { leaderRuns } from '../state/stopped-client.ts';
import type { RunningLeader } from '../state/stopped-client.ts';
import { tooShort } from './actions.ts';
import { atDesk } from './position-desk.ts';
import type { PositionDesk } from './position-desk.ts';
import { shown } from './shown-position.ts';
import type { ShownPosition } from './shown-position.ts';

/** What became of a stored position; goes out as JSON. */
export interface PositionChange {
  readonly result: 'rewound' | 'set';
  readonly from: ShownPosition | null;
  readonly to: ShownPosition;
  /** Of a rewind: the moment of the history that was taken. */
  readonly at?: string;
  /** Of a set: which changes will never be applied; null if none. */
  readonly skipped?: string | null;
}

/** The leader of the client, if one holds the lock. */
export function findLeader(config: Config): Promise<RunningLeader | undefined> {
  return atDesk(config, ({ state }) => state.stopped.leader());
}

/**
 * Sets the stored position back to where it was at `moment` (ms since the epoch), while no daemon leads. The next start
 * applies everything again that was applied since, as deletes.
 *
 * @param whyNotThroughIt why the daemon could not be asked to do it, if it leads
 * @throws UnstaleError UNSTALE_LEADER_RUNS, UNSTALE_HISTORY_TOO_SHORT, or what keeps the server from going on there
 */
export function rewindStopped(
  config: Config,
  moment: number,
  whyNotThroughIt: string,
): Promise<PositionChange> {
  return whileStopped(config, whyNotThroughIt, async ({ state, source }) => {
    const current = await state.store.load();
    const entries = await state.history.loadAll();
    const point = current === undefined ? undefined : rewindPoint(entries, moment, current.position);
    if (current === undefined || point === undefined) throw tooShort(entries[0]?.at);
    const newest = current.position;
    await source.probe({ from: 'checkpoint', position: point.position, newest }, never());
    const position = setBack(point.position, newest);
    await state.stopped.write({ position, mappingHash: current.mappingHash, savedAt: Date.now() });
    return {
      result: 'rewound',
      from: shown(newest),
      to: shown(position),
      at: new Date(point.entry.at).toISOString(),
    };
  });
}

/**
 * Stores another position, while no daemon leads.
 * @throws UnstaleError UNSTALE_LEADER_RUNS, UNSTALE_SET_SKIPS_CHANGES, or what keeps the server from going on there
 */
export function setStopped(
  config: Config,
  target: InitPosition,
  { skipChanges }: { readonly skipChanges: boolean },
): Promise<PositionChange> {
  return whileStopped(config, 'a position is only set while none does', async ({ state, source, client }) => {
    const current = await state.store.load();
    const reached = await source.probe(target, never());
    // The stream begins where the server begins to look for what is not in the set.
    const wanted = target.from === 'gtid' ? { ...reached, gtidSet: target.gtidSet } : reached;
    if (config.source.resumeBy === 'gtid' && wanted.gtidSet === undefined) {
      throw new UnstaleError(
        'UNSTALE_GTID_OFF',
        'source.resume_by is gtid, and this server does not tell the GTID set of a place: give a GTID set',
      );
    }
    const position = current === undefined ? wanted : setBack(wanted, current.position);
    const skipped =
      current === undefined ? undefined : await skippedBy(current.position, target, position, client);
    if (skipped !== undefined && !skipChanges) {
      throw new UnstaleError(
        'UNSTALE_SET_SKIPS_CHANGES',
        `from ${formatPosition(current?.position ?? position)} to ${formatPosition(position)} skips ${skipped}: ` +
          'those changes would never be applied, and their keys would stay stale',
      );
    }
    await state.stopped.write({ position, mappingHash: config.plan.hash, savedAt: Date.now() });
    return {
      result: 'set',
      from: current === undefined ? null : shown(current.position),
      to: shown(position),
      skipped: skipped ?? null,
    };
  });
}

async function whileStopped(
  config: Config,
  whyNotThroughIt: string,
  work: (desk: PositionDesk) => Promise<PositionChange>,
): Promise<PositionChange> {
  return atDesk(config, async (desk) => {
    const { stopped } = desk.state;
    const leader = await stopped.leader();
    if (leader !== undefined) throw leaderRuns(leader, whyNotThroughIt);
    await stopped.take();
    try {
      await desk.state.migrate();
      return await work(desk);
    } finally {
      await stopped.release();
    }
  });
}

/** What is between the stored position and one that is to take its place; undefined if nothing is left out. */
async function skippedBy(
  current: SourcePosition,
  target: InitPosition,
  next: SourcePosition,
  client: SqlClient,
): Promise<string | undefined> {
  if (target.from === 'gtid') {
    if (current.gtidSet === undefined) return 'what cannot be told: the stored position has no GTID set';
    const flavour = gtidFlavour(target.gtidSet);
    const missing = parseExecutedGtids(current.gtidSet, flavour).missing(target.gtidSet);
    return missing === '' ? undefined : `the transactions ${missing}`;
  }
  if (current.serverUuid !== next.serverUuid) {
    return `what cannot be told: the stored position belongs to the server ${current.serverUuid}`;
  }
  if (!isBefore(current, next)) return undefined;
  const bytes = bytesBetween(current, next, (await listBinlogFiles(client)) ?? []);
  return bytes === undefined ? 'what was purged since' : `${bytes} bytes of binlog`;
}

function never(): AbortSignal {
  return new AbortController().signal;
}
