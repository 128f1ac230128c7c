import type { Configuration } from './configuration.ts';
import { trusting } from './converging.ts';
import { rows } from './histories.ts';

/** What some schedule leaves stale. */
export const diverging: Readonly<Record<string, Configuration>> = {
  'plain cache-aside beside a daemon that deletes': {
    history: rows(1),
    readers: 0,
    plainReaders: 1,
    command: 'UNLINK K',
  },
  'leases that a delete of K alone does not void': { history: rows(1), readers: 1, command: 'UNLINK K' },
  'leases and reads of replicas that may fill without a version': {
    history: rows(1),
    readers: 1,
    command: 'UNLINK K M',
    replicaReads: true,
    ...trusting,
  },
  'a primary-only hold where replicas may fill without a version, M evicted': {
    history: rows(1),
    readers: 1,
    command: 'invalidate',
    hold: true,
    replicaReads: true,
    evictions: 1,
    ...trusting,
  },
  'a failover without a replay, even with floors': {
    history: rows(1),
    readers: 1,
    command: 'invalidate',
    versions: true,
    failovers: 1,
  },
  'a binlog gap and a flush of K alone': { history: rows(1), readers: 1, command: 'UNLINK K M', gap: 'K' },
  'one reader that does plain SET': { history: rows(1), readers: 1, plainReaders: 1, command: 'invalidate' },
  'no barrier: an event that comes before its row is visible': {
    history: rows(1),
    readers: 1,
    command: 'invalidate',
    barrier: false,
  },
  'no barrier where M is evicted, even with floors': {
    history: rows(1),
    readers: 1,
    command: 'invalidate',
    versions: true,
    evictions: 1,
    barrier: false,
  },
  'two daemons, one of them paused, where M is evicted and replicas fill by their versions': {
    history: rows(2),
    readers: 1,
    command: 'invalidate',
    versions: true,
    replicaReads: true,
    oldDaemon: true,
    evictions: 1,
  },
  'two daemons, one of them paused, where M is evicted and replicas fill that have caught up': {
    history: rows(2),
    readers: 1,
    command: 'invalidate',
    hold: true,
    replicaReads: true,
    caughtUpReads: true,
    oldDaemon: true,
    evictions: 1,
  },
  'two daemons, one of them paused, that create keys where K and M were evicted': {
    history: rows(2),
    readers: 0,
    command: 'update',
    create: true,
    versions: true,
    oldDaemon: true,
    evictions: 1,
  },
};
