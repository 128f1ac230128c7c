import { describe, expect, it } from 'vitest';

import { CHECKED_VARIABLES, checkSettings } from './settings.ts';
import type { RowMetadata } from './settings.ts';
import type { ServerFacts } from '../server-facts.ts';

const mysql: ServerFacts = {
  flavour: 'mysql',
  version: '9.7.4',
  serverUuid: 'uuid',
  serverId: 1,
  gtidEnabled: true,
  logBin: true,
};
const good = new Map([
  ['binlog_format', 'ROW'],
  ['binlog_row_image', 'FULL'],
  ['binlog_row_metadata', 'FULL'],
  ['gtid_mode', 'ON'],
  ['enforce_gtid_consistency', 'ON'],
  ['binlog_rows_query_log_events', 'ON'],
  ['binlog_annotate_row_events', 'ON'],
]);
const found = (
  server: ServerFacts,
  changes: Record<string, string | undefined>,
  rowMetadata: RowMetadata = 'full',
  hints = false,
): readonly string[] => {
  const variables = new Map(good);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) variables.delete(name);
    else variables.set(name, value);
  }
  return checkSettings(server, variables, rowMetadata, hints).map(({ code, severity, fix }) =>
    [severity, code, fix ?? '-'].join(' '),
  );
};

describe('the settings of the server', () => {
  it('are all looked at', () => {
    expect([...good.keys()]).toEqual(CHECKED_VARIABLES);
    expect(found(mysql, {})).toEqual([]);
  });

  it('are all reported at once, each with the statement that mends it', () => {
    expect(
      found(mysql, {
        binlog_format: 'MIXED',
        binlog_row_metadata: 'MINIMAL',
      }),
    ).toEqual([
      'error UNSTALE_BINLOG_FORMAT SET PERSIST binlog_format = ROW',
      'error UNSTALE_ROW_METADATA SET PERSIST binlog_row_metadata = FULL',
    ]);
  });

  it('cannot be persisted on MariaDB', () => {
    const mariadb: ServerFacts = { ...mysql, flavour: 'mariadb', version: '10.11.19-MariaDB' };
    expect(found(mariadb, { binlog_row_metadata: 'NO_LOG' })).toEqual([
      'error UNSTALE_ROW_METADATA SET GLOBAL binlog_row_metadata = FULL',
    ]);
  });

  it('may lack variables that the server does not know, except for the metadata', () => {
    expect(found(mysql, { binlog_format: undefined, binlog_row_image: undefined })).toEqual([]);
    expect(found(mysql, { binlog_row_metadata: undefined })).toEqual(['error UNSTALE_ROW_METADATA -']);
  });

  it('only warn of missing column names where the configuration reads them from the catalogue', () => {
    expect(found(mysql, { binlog_row_metadata: 'MINIMAL' }, 'minimal')).toEqual([
      'warning UNSTALE_ROW_METADATA SET PERSIST binlog_row_metadata = FULL',
    ]);
    expect(found(mysql, { binlog_row_metadata: undefined }, 'minimal')).toEqual([
      'warning UNSTALE_ROW_METADATA -',
    ]);
    expect(found(mysql, {}, 'minimal')).toEqual([]);
  });

  it('only warn of GTIDs that are off, and tell the steps from where the server is', () => {
    const off: ServerFacts = { ...mysql, gtidEnabled: false };
    expect(found(off, { gtid_mode: 'ON_PERMISSIVE' })).toEqual([
      'warning UNSTALE_GTID_OFF SET PERSIST gtid_mode = ON',
    ]);
    const [all] = found(off, { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' });
    expect(all?.split('; ')).toHaveLength(4);
  });

  it('mean nothing without a binlog', () => {
    expect(found({ ...mysql, logBin: false }, { binlog_format: 'MIXED' })).toEqual([
      'error UNSTALE_BINLOG_OFF -',
    ]);
  });

  it('only warn of statements that the binlog lacks where hints in them are wanted', () => {
    const mariadb: ServerFacts = { ...mysql, flavour: 'mariadb' };
    const off = { binlog_rows_query_log_events: 'OFF', binlog_annotate_row_events: 'OFF' };
    expect(found(mysql, off)).toEqual([]);
    expect(found(mysql, off, 'full', true)).toEqual([
      'warning UNSTALE_HINTS_OFF SET PERSIST binlog_rows_query_log_events = ON',
    ]);
    expect(found(mariadb, off, 'full', true)).toEqual([
      'warning UNSTALE_HINTS_OFF SET GLOBAL binlog_annotate_row_events = ON',
    ]);
    expect(found(mysql, { binlog_annotate_row_events: undefined }, 'full', true)).toEqual([]);
  });
});
