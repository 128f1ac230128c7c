import { expect, test } from 'vitest';

import { parseServerInfo } from './server-info.ts';

const redis = [
  '# Server',
  'redis_version:7.0.15',
  'run_id:0123abcd',
  '',
  '# Memory',
  'maxmemory_policy:noeviction',
  '',
  '# Replication',
  'role:master',
  'master_replid:abcd0123',
  'master_replid2:0000000000000000000000000000000000000000',
].join('\r\n');

test('reads version, run id, role and eviction policy', () => {
  expect(parseServerInfo(redis)).toEqual({
    implementation: 'redis',
    version: '7.0.15',
    runId: '0123abcd',
    role: 'master',
    replId: 'abcd0123',
    formerReplId: undefined,
    maxmemoryPolicy: 'noeviction',
  });
});

test('names Valkey by its own version, not by the Redis version that it reports as well', () => {
  const info = parseServerInfo('redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n');
  expect(info).toMatchObject({ implementation: 'valkey', version: '8.1.1' });
});

test('leaves out what a managed service hides, and gives up without a version', () => {
  expect(parseServerInfo('redis_version:7.1.0\r\n')).toMatchObject({
    runId: undefined,
    maxmemoryPolicy: undefined,
  });
  expect(parseServerInfo('# Clients\r\nconnected_clients:1\r\n')).toBeUndefined();
  expect(parseServerInfo('')).toBeUndefined();
});
