import type { CommitMark } from '../../change/source-event.ts';
import type { SqlClient, Visibility } from '../../pipeline/ports.ts';
import { MysqlGtidSet } from '../gtid-set.ts';
import type { ServerBarrier } from './server-barrier.ts';

/** A GTID is in gtid_executed once its transaction is committed in the engine, which is when others see it. */
const WAIT = 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS timed_out, @@GLOBAL.gtid_executed AS executed';

/** Visibility on a MySQL server by GTID: one round trip, none while the answer to an earlier one is enough. */
export function createGtidBarrier(client: SqlClient, timeout: number): ServerBarrier {
  let executed = new MysqlGtidSet();
  return {
    forget: () => {
      executed = new MysqlGtidSet();
    },
    pass: async (marks: readonly CommitMark[]): Promise<Visibility> => {
      const missing = new MysqlGtidSet();
      let complete = true;
      let waits = false;
      for (const { gtid } of marks) {
        if (gtid === undefined) complete = false;
        else if (!executed.contains(gtid)) {
          missing.add(gtid);
          waits = true;
        }
      }
      if (!complete) return 'unknowable';
      if (!waits) return 'visible';
      const [row] = await client.query(WAIT, [missing.toString(), timeout / 1000]);
      const timedOut = row?.['timed_out'];
      if (timedOut !== 0 && timedOut !== '0') return 'unknown';
      const text = row?.['executed'];
      if (typeof text === 'string') executed = MysqlGtidSet.parse(text);
      return 'visible';
    },
  };
}
