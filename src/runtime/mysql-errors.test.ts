import { describe, expect, it } from 'vitest';

import { UnstaleError } from '../errors/unstale-error.ts';
import { classifyMysqlError, mysqlErrno } from './mysql-errors.ts';

const failure = (message: string, fields: object): Error => Object.assign(new Error(message), fields);
const codeOf = (fields: object): string => classifyMysqlError(failure('x', fields), 'source db:3306').code;

describe('errors of MySQL', () => {
  it.each([
    ['too many connections', { errno: 1040, code: 'ER_CON_COUNT_ERROR' }, 'UNSTALE_MYSQL_UNREACHABLE'],
    ['shutdown', { errno: 1053, code: 'ER_SERVER_SHUTDOWN' }, 'UNSTALE_MYSQL_UNREACHABLE'],
    [
      'a wrong password',
      { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR', fatal: true },
      'UNSTALE_MYSQL_ACCESS_DENIED',
    ],
    [
      'a missing privilege',
      { errno: 1227, code: 'ER_SPECIFIC_ACCESS_DENIED_ERROR' },
      'UNSTALE_PRIVILEGE_MISSING',
    ],
    ['a syntax error', { errno: 1064, code: 'ER_PARSE_ERROR' }, 'UNSTALE_MYSQL_QUERY_FAILED'],
    [
      'a refused connection',
      { errno: -111, code: 'ECONNREFUSED', syscall: 'connect' },
      'UNSTALE_MYSQL_UNREACHABLE',
    ],
    ['a lost connection', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, 'UNSTALE_MYSQL_UNREACHABLE'],
    ['a closed connection', { fatal: true }, 'UNSTALE_MYSQL_UNREACHABLE'],
    ['no TLS on the server', { code: 'HANDSHAKE_NO_SSL_SUPPORT', fatal: true }, 'UNSTALE_MYSQL_TLS'],
    ['a bad certificate', { code: 'HANDSHAKE_SSL_ERROR', fatal: true }, 'UNSTALE_MYSQL_TLS'],
    [
      'a reset in the TLS handshake',
      { code: 'HANDSHAKE_SSL_ERROR', syscall: 'read' },
      'UNSTALE_MYSQL_UNREACHABLE',
    ],
    ['a PEM text that is none', { code: 'ERR_OSSL_PEM_NO_START_LINE' }, 'UNSTALE_MYSQL_TLS'],
    ['an unknown login method', { code: 'AUTH_SWITCH_PLUGIN_ERROR' }, 'UNSTALE_MYSQL_ACCESS_DENIED'],
    ['a defect', {}, 'UNSTALE_INTERNAL'],
  ])('classify %s', (_what, fields, code) => {
    expect(codeOf(fields)).toBe(code);
  });

  it('keep the number of the server through any chain of causes, and no number of the system', () => {
    const classified = classifyMysqlError(failure('denied', { errno: 1142 }), 'state');
    expect(mysqlErrno(new UnstaleError('UNSTALE_STATE_DENIED', 'x', { cause: classified }))).toBe(1142);
    expect(mysqlErrno(failure('refused', { errno: -111 }))).toBeUndefined();
    expect(mysqlErrno('text')).toBeUndefined();
  });

  it('name the server, tell all reasons and drop the statement', () => {
    const causes = [failure('connect ECONNREFUSED ::1', {}), failure('connect ECONNREFUSED 127.0.0.1', {})];
    const both = Object.assign(new AggregateError(causes), { code: 'ECONNREFUSED' });
    expect(classifyMysqlError(both, 'source db:3306').message).toBe(
      'source db:3306: connect ECONNREFUSED ::1; connect ECONNREFUSED 127.0.0.1',
    );
    const query = failure('duplicate', { errno: 1062, sql: "INSERT INTO t VALUES ('a row value')" });
    expect(classifyMysqlError(query, 'source').cause).not.toHaveProperty('sql');
  });

  it('stay as they are once they are classified', () => {
    const known = new UnstaleError('UNSTALE_MYSQL_TLS', 'x');
    expect(classifyMysqlError(known, 'source')).toBe(known);
  });
});
