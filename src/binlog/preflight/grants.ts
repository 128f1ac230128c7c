/** One line of SHOW GRANTS that gives or (MySQL's partial revokes) takes privileges. */
export interface Grant {
  readonly revokes: boolean;
  /** Upper case; privileges on columns only are left out. */
  readonly privileges: ReadonlySet<string>;
  /** In it `%` and `_` are wildcards unless a backslash stands before them; undefined is every schema. */
  readonly schema: string | undefined;
  /** Undefined is every table. */
  readonly table: string | undefined;
}

const IDENTIFIER = '(\\*|`(?:[^`]|``)*`)';
const LINE = new RegExp(
  `^(GRANT|REVOKE)\\s+(.+?)\\s+ON\\s+(?:TABLE\\s+)?${IDENTIFIER}\\.${IDENTIFIER}\\s+(?:TO|FROM)\\s`,
  'is',
);

/**
 * Understands the lines of `SHOW GRANTS`, which list the privileges of active roles, too. Roles themselves,
 * proxies, routines and default roles are passed over.
 */
export function parseGrants(lines: readonly string[]): readonly Grant[] {
  return lines.flatMap((line) => {
    const [, verb, privileges, schema, table] = LINE.exec(line) ?? [];
    if (verb === undefined || privileges === undefined || schema === undefined || table === undefined)
      return [];
    return [
      {
        revokes: verb.toUpperCase() === 'REVOKE',
        privileges: new Set(parsePrivileges(privileges)),
        schema: unquote(schema),
        table: unquote(table),
      },
    ];
  });
}

/** Whether the grants give a privilege on everything. */
export function holdsGlobally(grants: readonly Grant[], privilege: string): boolean {
  return grants.some((grant) => !grant.revokes && grant.schema === undefined && gives(grant, privilege));
}

/** Whether the grants give a privilege on a table. */
export function holds(grants: readonly Grant[], privilege: string, schema: string, table: string): boolean {
  const revoked = grants.some(
    (grant) =>
      grant.revokes && grant.schema === schema && grant.table === undefined && gives(grant, privilege),
  );
  if (!revoked && holdsGlobally(grants, privilege)) return true;
  return grants.some(
    (grant) =>
      !grant.revokes &&
      grant.schema !== undefined &&
      (grant.table === undefined
        ? schemaPattern(grant.schema).test(schema)
        : grant.schema === schema && grant.table === table) &&
      gives(grant, privilege),
  );
}

/** A schema's name as GRANT wants it: its wildcards taken literally. */
export function escapeSchema(schema: string): string {
  return schema.replaceAll(/[\\%_]/g, '\\$&');
}

function gives(grant: Grant, privilege: string): boolean {
  return grant.privileges.has(privilege) || grant.privileges.has('ALL PRIVILEGES');
}

/** `SELECT, INSERT (`a`, `b`), BINLOG MONITOR` without those that are for columns. */
function parsePrivileges(text: string): readonly string[] {
  const withoutNames = text.replaceAll(/`(?:[^`]|``)*`/g, '');
  return withoutNames
    .replaceAll(/[\w ]+\([^)]*\)/g, '')
    .split(',')
    .map((privilege) => privilege.trim().toUpperCase())
    .filter((privilege) => privilege !== '');
}

function unquote(identifier: string): string | undefined {
  return identifier === '*' ? undefined : identifier.slice(1, -1).replaceAll('``', '`');
}

function schemaPattern(pattern: string): RegExp {
  const source = pattern.replaceAll(/\\(.)|([%_])|([^\\%_])/gs, (_all, escaped, wildcard, plain) => {
    if (wildcard === '%') return '.*';
    if (wildcard === '_') return '.';
    return String(escaped ?? plain).replaceAll(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'is');
}
