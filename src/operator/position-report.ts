import { bytesBetween, listBinlogFiles } from '../binlog/binlog-files.ts';
import { judgeRetention, readRetention } from '../binlog/retention-watch.ts';
import { readServerFacts } from '../binlog/server-facts.ts';
import { currentEnd } from '../binlog/start-position.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import { asUnstaleError } from '../errors/unstale-error.ts';
import type { AppliedAt, SqlClient } from '../pipeline/ports.ts';
import { isMissing } from '../state/state-error.ts';
import type { RunningLeader } from '../state/stopped-client.ts';
import { atDesk } from './position-desk.ts';
import { shown } from './shown-position.ts';
import type { ShownPosition } from './shown-position.ts';

/** What `unstale position show` knows without asking the daemon; goes out as JSON. */
export interface PositionReport {
  readonly client_id: string;
  readonly stored:
    | (ShownPosition & {
        readonly stored_at: string;
        readonly mapping_hash: string;
        readonly fencing_token: number;
      })
    | null;
  /** Of the configuration at hand. */
  readonly mapping_hash: string;
  /** Null while none leads. */
  readonly leader: {
    readonly holder: string;
    readonly admin_address: string | null;
    readonly since: string | null;
  } | null;
  /** Moments that one can go back to, oldest first. */
  readonly history: readonly (ShownPosition & { readonly at: string })[];
  readonly source:
    | {
        readonly end: ShownPosition;
        /** From the stored position to the end of the binlog; null where the server does not list its files. */
        readonly bytes_behind: number | null;
        readonly bytes_to_oldest_binlog: number | null;
        readonly purge_near: boolean | null;
      }
    | { readonly error: string };
}

/**
 * Reads what is stored, and asks the source how far that is from its end and from its purge.
 * @throws UnstaleError of the state database
 */
export function reportPosition(config: Config): Promise<PositionReport> {
  return atDesk(config, async ({ client, state }) => {
    const checkpoint = await orNothing(state.store.load());
    const history = (await orNothing(state.history.loadAll())) ?? [];
    const leader = await state.stopped.leader();
    return {
      client_id: config.clientId,
      stored: checkpoint === undefined ? null : shownCheckpoint(checkpoint),
      mapping_hash: config.plan.hash,
      leader: leader === undefined ? null : shownLeader(leader),
      history: history.map(shownMoment),
      source: await lookAtSource(checkpoint?.position, client).catch((error: unknown) => ({
        error: `${asUnstaleError(error).message} (${asUnstaleError(error).code})`,
      })),
    };
  });
}

async function lookAtSource(
  stored: SourcePosition | undefined,
  client: SqlClient,
): Promise<PositionReport['source']> {
  const end = await currentEnd(await readServerFacts(client), client);
  const files = await listBinlogFiles(client);
  if (files === undefined || stored === undefined || stored.serverUuid !== end.serverUuid) {
    return { end: shown(end), bytes_behind: null, bytes_to_oldest_binlog: null, purge_near: null };
  }
  const { bytesToOldest, purgeNear } = judgeRetention(stored, files, await readRetention(client), Date.now());
  return {
    end: shown(end),
    bytes_behind: bytesBetween(stored, end, files) ?? null,
    bytes_to_oldest_binlog: bytesToOldest,
    purge_near: purgeNear,
  };
}

/** A daemon that has never run has made no tables. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && isMissing(error.cause)) return undefined;
    throw error;
  }
}

function shownCheckpoint({
  position,
  savedAt,
  mappingHash,
  fencingToken,
}: Checkpoint): PositionReport['stored'] {
  return {
    ...shown(position),
    stored_at: new Date(savedAt).toISOString(),
    mapping_hash: mappingHash,
    fencing_token: fencingToken,
  };
}

function shownLeader({ holder, adminAddress, since }: RunningLeader): PositionReport['leader'] {
  return {
    holder,
    admin_address: adminAddress ?? null,
    since: since === undefined ? null : new Date(since).toISOString(),
  };
}

function shownMoment({ position, at }: AppliedAt): PositionReport['history'][number] {
  return { at: new Date(at).toISOString(), ...shown(position) };
}
