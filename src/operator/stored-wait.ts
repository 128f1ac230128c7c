import { binlogEventsAre } from '../binlog/binlog-events.ts';
import { gtidFlavour, parseExecutedGtids } from '../binlog/gtid-set.ts';
import { readServerFacts } from '../binlog/server-facts.ts';
import { currentEnd } from '../binlog/start-position.ts';
import { formatPosition, isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { sleep } from '../runtime/sleep.ts';
import { atDesk } from './position-desk.ts';

/** Up to where everything is to be applied: a GTID set, or a place on the source where there are no GTIDs. */
export type Target =
  | { readonly gtid: string }
  | {
      readonly gtid?: undefined;
      readonly place: { readonly file: string; readonly offset: number };
      /** Whose file it is. */
      readonly serverUuid: string;
    };

export interface StoredWait {
  readonly applied: boolean;
  /** The stored position, `file:offset`; null while there is none. */
  readonly position: string | null;
  readonly missing: string;
}

/** Between two looks at the stored position, which is written about once a second, ms. */
const INTERVAL = 100;

/** Longer sets do not fit into a request, and the end of the binlog says the same. */
const LONGEST_GTID = 3000;

/** The end of the source's binlog as it is now. @throws UnstaleError of the source */
export function currentTarget(config: Config): Promise<Target> {
  return atDesk(config, async ({ client }) => {
    const {
      gtidSet = '',
      file,
      offset,
      serverUuid,
    } = await currentEnd(await readServerFacts(client), client);
    return gtidSet === '' || gtidSet.length > LONGEST_GTID
      ? { place: { file, offset }, serverUuid }
      : { gtid: gtidSet };
  });
}

/**
 * Waits until the stored position is behind the target, for whoever cannot ask the daemon. That is up to
 * `state.flush_interval` later than it was applied.
 *
 * @throws UnstaleError UNSTALE_POSITION_INVALID when it is no GTID set; of the state database and the source
 */
export function waitStored(config: Config, target: Target, timeoutMs: number): Promise<StoredWait> {
  const deadline = performance.now() + timeoutMs;
  return atDesk(config, async ({ client, state }) => {
    for (;;) {
      const position = (await state.store.load())?.position;
      const missing = position === undefined ? textOf(target) : missingFrom(position, target);
      const applied =
        missing === '' ||
        (position !== undefined && (await isBehindOwnWritesOnly(position, target, config, client)));
      if (applied || performance.now() >= deadline) {
        return { applied, position: position === undefined ? null : formatPosition(position), missing };
      }
      await sleep(Math.min(INTERVAL, Math.max(1, deadline - performance.now())));
    }
  });
}

/** Empty if nothing. */
function missingFrom(position: SourcePosition, target: Target): string {
  if (target.gtid === undefined) {
    const { place, serverUuid } = target;
    const isBehind =
      position.serverUuid === serverUuid && !isBefore(position, { ...place, epoch: position.epoch });
    return isBehind ? '' : formatPosition(place);
  }
  const { gtid } = target;
  return parseExecutedGtids(position.gtidSet ?? '', gtidFlavour(gtid)).missing(gtid);
}

/**
 * The write of a position is a transaction itself, which no later position tells of until something else happens. So
 * the daemon is not behind if the target is there on the server, and nothing else is between the position and the end.
 */
async function isBehindOwnWritesOnly(
  position: SourcePosition,
  target: Target,
  { state }: Config,
  client: SqlClient,
): Promise<boolean> {
  if (!state.sameServer) return false;
  const server = await readServerFacts(client);
  if (server.serverUuid !== position.serverUuid) return false;
  const end = await currentEnd(server, client);
  if (missingFrom({ ...end, epoch: position.epoch }, target) !== '') return false;
  return binlogEventsAre(state.database, position, end, client);
}

function textOf(target: Target): string {
  return target.gtid ?? formatPosition(target.place);
}
