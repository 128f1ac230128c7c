import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { escapeSchema, holds, holdsGlobally, parseGrants } from './grants.ts';

describe('grants', () => {
  it('are read from the lines of MySQL 9', () => {
    const grants = parseGrants([
      'GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `u1`@`127.0.0.1`',
      'GRANT BINLOG_ADMIN,SESSION_VARIABLES_ADMIN ON *.* TO `u1`@`127.0.0.1` WITH GRANT OPTION',
      'GRANT SELECT ON `shop`.* TO `u1`@`127.0.0.1`',
      'GRANT SELECT, INSERT ON `un\\_stale`.* TO `u1`@`127.0.0.1`',
      'GRANT SELECT (`id`, `a ON b`), UPDATE ON `shop`.`users` TO `u1`@`127.0.0.1`',
      'GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `u1`@`127.0.0.1`',
      'GRANT PROXY ON ``@`` TO `u1`@`127.0.0.1`',
      'GRANT `repl`@`%` TO `u1`@`127.0.0.1`',
    ]);
    expect(grants).toHaveLength(5);
    expect(holdsGlobally(grants, 'REPLICATION SLAVE')).toBe(true);
    expect(holdsGlobally(grants, 'SESSION_VARIABLES_ADMIN')).toBe(true);
    expect(holdsGlobally(grants, 'SELECT')).toBe(false);
    expect(holds(grants, 'SELECT', 'shop', 'anything')).toBe(true);
    expect(holds(grants, 'INSERT', 'un_stale', 'positions')).toBe(true);
    expect(holds(grants, 'INSERT', 'unXstale', 'positions')).toBe(false);
    expect(holds(grants, 'UPDATE', 'shop', 'users')).toBe(true);
    expect(holds(grants, 'UPDATE', 'shop', 'orders')).toBe(false);
    expect(holds(grants, 'EXECUTE', 'shop', 'p')).toBe(false);
  });

  it('are read from the lines of MariaDB, with the privileges of the active role', () => {
    const grants = parseGrants([
      'GRANT `repl` TO `u1`@`127.0.0.1`',
      "GRANT USAGE ON *.* TO `u1`@`127.0.0.1` IDENTIFIED BY PASSWORD '*7B9EBEED26AA52ED10C0F549FA863F13C39E0209'",
      'GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `repl`',
      'SET DEFAULT ROLE `repl` FOR `u1`@`127.0.0.1`',
    ]);
    expect(holdsGlobally(grants, 'REPLICATION SLAVE')).toBe(true);
    expect(holdsGlobally(grants, 'BINLOG MONITOR')).toBe(true);
    expect(holdsGlobally(grants, '*7B9EBEED26AA52ED10C0F549FA863F13C39E0209')).toBe(false);
  });

  it('give everything with ALL PRIVILEGES, within their reach', () => {
    const grants = parseGrants(['GRANT ALL PRIVILEGES ON `un%`.* TO `u`@`%`']);
    expect(holds(grants, 'CREATE', 'unstale', 't')).toBe(true);
    expect(holds(grants, 'CREATE', 'shop', 't')).toBe(false);
    expect(holdsGlobally(grants, 'REPLICATION SLAVE')).toBe(false);
    const everywhere = parseGrants(['GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION']);
    expect(holds(everywhere, 'CREATE', 'shop', 't')).toBe(true);
  });

  it('give less where a schema was taken out again', () => {
    const grants = parseGrants([
      'GRANT SELECT ON *.* TO `u`@`%`',
      'REVOKE SELECT ON `private`.* FROM `u`@`%`',
    ]);
    expect(holds(grants, 'SELECT', 'shop', 'users')).toBe(true);
    expect(holds(grants, 'SELECT', 'private', 'users')).toBe(false);
  });

  it('on an escaped schema are for that schema only', () => {
    const names = fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom(...Array.from('aB_%\\`.$*[(^|+')),
    });
    fc.assert(
      fc.property(names, names, (schema, other) => {
        const pattern = escapeSchema(schema).replaceAll('`', '``');
        const grants = parseGrants([`GRANT INSERT ON \`${pattern}\`.* TO \`u\`@\`%\``]);
        expect(holds(grants, 'INSERT', schema, 't')).toBe(true);
        expect(holds(grants, 'INSERT', other, 't')).toBe(other.toLowerCase() === schema.toLowerCase());
      }),
    );
  });
});
