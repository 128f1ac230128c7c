import type { CommitMark } from '../../change/source-event.ts';
import type { SqlClient, Visibility } from '../../pipeline/ports.ts';
import { MariadbGtidPosition } from '../gtid-set.ts';
import type { ServerBarrier } from './server-barrier.ts';

/** The position moves behind the commit in the engine. It is never newer than what `applied` tells. */
const WAIT = 'SELECT MASTER_GTID_WAIT(?, ?) AS outcome, @@GLOBAL.gtid_slave_pos AS applied';

/**
 * Visibility on a MariaDB server that is not the source: once its replication has applied the newest GTID of
 * each domain. What began on that server itself was not replicated to it, and of that it tells nothing by GTID.
 */
export function createReplicaBarrier(client: SqlClient, timeout: number, serverId: number): ServerBarrier {
  let applied = new MariadbGtidPosition();
  return {
    forget: () => {
      applied = new MariadbGtidPosition();
    },
    pass: async (marks: readonly CommitMark[]): Promise<Visibility> => {
      const missing = new MariadbGtidPosition();
      let visible = true;
      for (const { gtid } of marks) {
        if (gtid === undefined || gtid.source.endsWith(`-${serverId}`)) return 'unknowable';
        if (applied.reaches(gtid)) continue;
        missing.add(gtid);
        visible = false;
      }
      if (visible) return 'visible';
      const [row] = await client.query(WAIT, [missing.toString(), timeout / 1000]);
      const outcome = row?.['outcome'];
      if (outcome !== 0 && outcome !== '0') return 'unknown';
      const text = row?.['applied'];
      if (typeof text === 'string') applied = MariadbGtidPosition.parse(text);
      return 'visible';
    },
  };
}
