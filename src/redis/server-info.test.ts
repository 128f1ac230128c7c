import { expect, test } from 'vitest';

import { parseServerInfo } from './server-info.ts';

const redis = [
  '# Server',
  'redis_version:7.0.15',
  'run_id:0123abcd',
  '',
  '# Memory',
  'used_memory:1048576',
  'maxmemory:2097152',
  'maxmemory_policy:noeviction',
  '',
  '# Replication',
  'role:master',
  'master_replid:abcd0123',
  'master_replid2:0000000000000000000000000000000000000000',
  'master_repl_offset:500',
  'slave0:ip=10.0.0.2,port=6379,state=online,offset=480,lag=0',
  'slave1:ip=10.0.0.3,port=6379,state=online,offset=500,lag=1',
  'slave2:ip=10.0.0.4,port=6379,state=wait_bgsave,offset=0,lag=0',
  '',
  '# Stats',
  'evicted_keys:7',
  '',
  '# Clients',
  'blocked_clients:2',
].join('\r\n');

test('reads version, run id, role, eviction policy and load', () => {
  expect(parseServerInfo(redis)).toEqual({
    implementation: 'redis',
    version: '7.0.15',
    runId: '0123abcd',
    role: 'master',
    replId: 'abcd0123',
    formerReplId: undefined,
    maxmemoryPolicy: 'noeviction',
    load: {
      evictedKeys: 7,
      blockedClients: 2,
      usedMemory: 1_048_576,
      maxMemory: 2_097_152,
      replicas: 2,
      replicaLag: 20,
    },
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
    load: { evictedKeys: undefined, replicas: 0, replicaLag: undefined },
  });
  expect(parseServerInfo('# Clients\r\nconnected_clients:1\r\n')).toBeUndefined();
  expect(parseServerInfo('')).toBeUndefined();
});
