import { expect, test } from 'vitest';

import { createDatasetWatch, formatIdentity } from './dataset-watch.ts';
import type { DatasetChange } from './dataset-watch.ts';
import type { RedisServerInfo } from './server-info.ts';

const info = (runId: string | undefined, replId: string, formerReplId?: string): RedisServerInfo => ({
  implementation: 'redis',
  version: '7.0.15',
  runId,
  role: 'master',
  load: {
    evictedKeys: undefined,
    blockedClients: undefined,
    usedMemory: undefined,
    maxMemory: undefined,
    replicas: 0,
    replicaLag: undefined,
  },
  maxmemoryPolicy: undefined,
  replId,
  formerReplId,
});

function changesOf(...seen: [master: string, info: RedisServerInfo | undefined][]): DatasetChange[] {
  const watch = createDatasetWatch();
  const changes: DatasetChange[] = [];
  watch.expect(['a', 'b']);
  watch.onChange((change) => changes.push(change));
  for (const [master, found] of seen) watch.observe(master, found);
  return changes;
}

test('a reconnect to the same process is no change', () => {
  expect(changesOf(['a', info('r1', 'h1')], ['a', info('r1', 'h1')], ['a', info('r1', 'h1')])).toEqual([]);
});

test('another process at the same place is one change', () => {
  const restarted = info('r2', 'h2');
  expect(changesOf(['a', info('r1', 'h1')], ['a', restarted], ['a', restarted])).toEqual([
    { master: 'a', reason: 'other-process' },
  ]);
});

test('a process that followed another master meanwhile is a change', () => {
  expect(changesOf(['a', info('r1', 'h1')], ['a', info('r1', 'h3', 'h2')])).toEqual([
    { master: 'a', reason: 'promoted' },
  ]);
});

test('a promoted replica is a change, a new master that only gets slots is none', () => {
  expect(changesOf(['a', info('r1', 'h1')], ['c', info('r3', 'h3')])).toEqual([]);
  expect(changesOf(['a', info('r1', 'h1')], ['c', info('r3', 'h3', 'h1')])).toEqual([
    { master: 'c', reason: 'promoted' },
  ]);
});

test('a replica is looked at when it is promoted', () => {
  const replica = { ...info('r3', 'h1'), role: 'slave' };
  expect(changesOf(['a', info('r1', 'h1')], ['c', replica])).toEqual([]);
  expect(changesOf(['a', info('r1', 'h1')], ['c', replica], ['c', info('r3', 'h3', 'h1')])).toEqual([
    { master: 'c', reason: 'promoted' },
  ]);
});

test('masters of the beginning are no change, whatever they were before', () => {
  expect(changesOf(['a', info('r1', 'h1', 'h0')], ['b', info('r2', 'h2')])).toEqual([]);
});

test('nothing is known where INFO may not be asked', () => {
  expect(changesOf(['a', undefined], ['a', info(undefined, 'h1')], ['a', info('r1', 'h1')])).toEqual([]);
  expect(formatIdentity(undefined)).toBeUndefined();
  expect(formatIdentity(info('r1', 'h1'))).toBe('r1:h1');
});

test('what is seen before the masters of the beginning are known is no change', () => {
  const watch = createDatasetWatch();
  const changes: DatasetChange[] = [];
  watch.onChange((change) => changes.push(change));
  watch.observe('a', info('r1', 'h1', 'h0'));
  watch.expect(['a', 'b']);
  watch.observe('b', info('r2', 'h2', 'h0'));
  expect(changes).toEqual([]);
});
