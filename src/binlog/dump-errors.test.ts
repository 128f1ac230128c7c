import { describe, expect, it } from 'vitest';
import { classifyDumpError, isGap } from './dump-errors.ts';

function refusal(message: string, errno = 1236): Error {
  return Object.assign(new Error(message), { errno });
}

describe('what the server says when it ends a dump', () => {
  it.each([
    ['Could not find first log file name in binary log index file', 'UNSTALE_POSITION_PURGED'],
    ['Cannot replicate because the source purged required binary logs.', 'UNSTALE_POSITION_PURGED'],
    ['Could not find GTID state requested by slave in any binlog files.', 'UNSTALE_POSITION_PURGED'],
    ['could not find next log; the first event', 'UNSTALE_BINLOG_RESET'],
    ['Client requested source to start replication from position > file size', 'UNSTALE_POSITION_AHEAD'],
    ['Client requested master to start replication from impossible position', 'UNSTALE_POSITION_AHEAD'],
    ['binlog truncated in the middle of event; consider out of disk space', 'UNSTALE_POSITION_INVALID'],
    ['Replica has more GTIDs than the source has', 'UNSTALE_SERVER_BEHIND'],
    ["requested to start at GTID 0-1-9, which is not in the master's binlog", 'UNSTALE_SERVER_BEHIND'],
    ['something that no version says yet', 'UNSTALE_POSITION_INVALID'],
  ])('is a gap: %s', (message, code) => {
    const error = classifyDumpError(refusal(message), 'binlog.000001:4');
    expect(error?.code).toBe(code);
    expect(isGap(error)).toBe(true);
  });

  it.each([
    [
      'A replica with the same server_uuid/server_id as this replica has connected',
      'UNSTALE_SERVER_ID_CLASH',
    ],
    ['The replication sender thread cannot start in AUTO_POSITION mode', 'UNSTALE_GTID_OFF'],
    [
      'Replica can not handle replication events with the checksum that source is configured to log',
      'UNSTALE_BINLOG_CONNECTION_LOST',
    ],
  ])('is no gap: %s', (message, code) => {
    const error = classifyDumpError(refusal(message), 'binlog.000001:4');
    expect(error?.code).toBe(code);
    expect(isGap(error)).toBe(false);
  });

  it('is left to the connection when it is not about the dump', () => {
    expect(classifyDumpError(refusal('Lost connection', 2013), 'binlog.000001:4')).toBeUndefined();
  });
});
