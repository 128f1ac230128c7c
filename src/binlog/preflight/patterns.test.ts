import { describe, expect, it } from 'vitest';
import type { Account } from './privileges.ts';
import { checkPatterns, sumUp } from './patterns.ts';
import type { TablePattern } from './patterns.ts';
import type { PreflightProblem } from './problem.ts';

const account: Account = { name: "'unstale'@'%'", user: 'unstale', grants: [] };
const users: TablePattern = {
  text: 'tenant_*.users',
  matches: (schema, table) => schema.startsWith('tenant_') && table === 'users',
};
const tenants = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    table: { schema: `tenant_${index}`, table: 'users' },
    columns: ['id'],
  }));
const nullable = (schema: string, fix?: string): PreflightProblem => ({
  code: 'UNSTALE_COLUMN_NULLABLE',
  severity: 'warning',
  subject: `${schema}.users.e.mail`,
  message: `${schema} may be NULL`,
  ...(fix === undefined ? {} : { fix }),
});

describe('a pattern that selects no table', () => {
  it('is a warning that says which grant lets the account see such tables', () => {
    const found = checkPatterns([users], [], account);
    expect(found).toMatchObject([
      { code: 'UNSTALE_TABLE_MISSING', severity: 'warning', subject: 'tenant_*.users' },
    ]);
    expect(found[0]?.message).toContain("GRANT SELECT ON `tenant\\_%`.* TO 'unstale'@'%'");
    expect(checkPatterns([users], tenants(1), account)).toEqual([]);
  });

  it('needs a grant on every schema where the schemas cannot be told from it', () => {
    for (const text of ['/^tenant_.*users$/', 'tenant_[0-9].users']) {
      const [found] = checkPatterns([{ text, matches: () => false }], [], account);
      expect(found?.message).toContain('GRANT SELECT ON `%`.* TO');
    }
  });
});

describe('problems of tables that a pattern selects', () => {
  it('are reported one by one for up to twenty tables', () => {
    const selected = tenants(20);
    const problems = selected.map(({ table }) => nullable(table.schema));
    expect(sumUp(problems, selected, [users])).toEqual(problems);
  });

  it('are summed up beyond, with a fix only where it is one for all', () => {
    const selected = tenants(21);
    const of = (fix: (schema: string) => string): readonly PreflightProblem[] =>
      sumUp(
        selected.map(({ table }) => nullable(table.schema, fix(table.schema))),
        selected,
        [users],
      );
    const [own, ...rest] = of((schema) => `ALTER ${schema}`);
    expect(rest).toEqual([]);
    expect(own).toMatchObject({ subject: 'tenant_*.users.e.mail', severity: 'warning' });
    expect(own?.message).toMatch(
      /^21 tables have the same problem \(tenant_0\.users, .*\. The first: tenant_0 may be NULL$/,
    );
    expect(own).not.toHaveProperty('fix');
    expect(of(() => 'SET x = 1')).toMatchObject([{ fix: 'SET x = 1' }]);
  });

  it('leave those of other tables as they are', () => {
    const problems = Array.from({ length: 30 }, (_, index) => nullable(`shop${index}`));
    expect(sumUp(problems, tenants(1), [users])).toEqual(problems);
  });
});
