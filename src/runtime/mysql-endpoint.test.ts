import { describe, expect, it } from 'vitest';

import { connectionCandidates, formatEndpoint } from './mysql-endpoint.ts';
import type { MysqlEndpoint, SslMode } from './mysql-endpoint.ts';

const endpoint: MysqlEndpoint = {
  host: 'db',
  port: 3306,
  user: 'unstale',
  password: 'open sesame',
  sslMode: 'disabled',
  connectTimeout: 1000,
};
const ways = (sslMode: SslMode, more: Partial<MysqlEndpoint> = {}): readonly unknown[] =>
  connectionCandidates({ ...endpoint, sslMode, ...more }, 'unstale').map(({ host, ssl }) => ({ host, ssl }));

describe('the ways to connect', () => {
  it('follow the modes of the MySQL clients', () => {
    const unverified = { host: 'db', ssl: { rejectUnauthorized: false, verifyIdentity: false } };
    const plain = { host: 'db', ssl: undefined };
    expect(ways('disabled')).toEqual([plain]);
    expect(ways('preferred')).toEqual([unverified, plain]);
    expect(ways('preferred', { socketPath: '/run/mysqld.sock' })).toEqual([plain]);
    expect(ways('required')).toEqual([unverified]);
    expect(ways('verify_ca', { sslCa: 'PEM' })).toEqual([
      { host: 'db', ssl: { ca: 'PEM', rejectUnauthorized: true, verifyIdentity: false } },
    ]);
    expect(ways('verify_identity')).toEqual([
      { host: 'db', ssl: { rejectUnauthorized: true, verifyIdentity: true } },
    ]);
  });

  it('keep an IP address as the name to verify', () => {
    expect(ways('verify_identity', { host: '10.0.0.5' })).toMatchObject([{ host: '10.0.0.5.' }]);
    expect(ways('verify_ca', { host: '10.0.0.5' })).toMatchObject([{ host: '10.0.0.5' }]);
  });

  it('are named without credentials', () => {
    expect(formatEndpoint(endpoint)).toBe('db:3306');
    expect(formatEndpoint({ ...endpoint, socketPath: '/run/mysqld.sock' })).toBe('/run/mysqld.sock');
  });
});
