import { expect, it } from 'vitest';

import { formatPreflight } from './format.ts';

const server = {
  flavour: 'mariadb',
  version: '10.11.19-MariaDB',
  serverUuid: 'mariadb-7',
  serverId: 7,
  gtidEnabled: true,
  logBin: true,
} as const;

it('lists errors before warnings, a paragraph each, with the statement to paste', () => {
  const report = formatPreflight({
    server,
    problems: [
      {
        code: 'UNSTALE_COLUMN_NULLABLE',
        severity: 'warning',
        subject: 'shop.users.email',
        message: 'It may be NULL.',
      },
      {
        code: 'UNSTALE_ROW_IMAGE',
        severity: 'error',
        subject: 'binlog_row_image',
        message: 'It is MINIMAL.',
        fix: 'SET GLOBAL binlog_row_image = FULL',
      },
    ],
  });
  expect(report).toBe(
    [
      'MariaDB 10.11.19-MariaDB, server_id 7, mariadb-7',
      'error  UNSTALE_ROW_IMAGE  binlog_row_image\n  It is MINIMAL.\n  fix: SET GLOBAL binlog_row_image = FULL;',
      'warning  UNSTALE_COLUMN_NULLABLE  shop.users.email\n  It may be NULL.',
      '1 error, 1 warning.',
    ].join('\n\n'),
  );
});

it('says so when nothing is wrong', () => {
  expect(formatPreflight({ server, problems: [] })).toContain('Every precondition of the server is met.');
});
