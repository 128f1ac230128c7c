import type { Configuration, Counted } from './configuration.ts';
import { rows } from './histories.ts';

const floors = { history: rows(2), readers: 2, command: 'invalidate', versions: true } as const;
const replicas = { ...floors, replicaReads: true } as const;
const updates = { ...floors, command: 'update', create: true } as const;
/** Two commits in one tick of the clock that gives versions. */
const oneTick = { clock: [0, 1, 1] } as const;
/** The clock was read before the row's lock was had. */
const inverted = { clock: [0, 2, 1] } as const;

/** Versions that are worse than a column that only grows, where every schedule still leaves a key fresh. */
export const harmlessClocks: Readonly<Record<string, Counted>> = {
  'two commits of one version and reads of the primary': {
    ...floors,
    ...oneTick,
    evictions: 1,
    rewinds: 1,
    states: 2_477,
  },
  'two commits of one version, reads of replicas and a hold': {
    ...replicas,
    ...oneTick,
    hold: true,
    caughtUpReads: true,
    rewinds: 1,
    states: 13_545,
  },
  'two commits of one version and a daemon that creates keys': {
    ...updates,
    ...oneTick,
    evictions: 1,
    rewinds: 1,
    states: 2_527,
  },
  'an older version that is committed later, reads of replicas and a hold': {
    ...replicas,
    ...inverted,
    hold: true,
    rewinds: 1,
    states: 8_599,
  },
  'an older version that is committed later and a daemon that creates keys': {
    ...updates,
    ...inverted,
    rewinds: 1,
    crashes: 1,
    states: 1_657,
  },
  'a row that is inserted again below the version at which it was deleted': {
    ...updates,
    history: ['row', 'gone', 'row'],
    clock: [3, 3, 1],
    evictions: 1,
    crashes: 1,
    states: 2_779,
  },
  'changes of another table without a version, reads of replicas, a hold, and K evicted': {
    ...replicas,
    history: ['row', 'unversioned', 'row'],
    hold: true,
    evictions: 2,
    evicts: 'K',
    states: 4_358,
  },
};

/** The same where some schedule leaves it stale: why replicas want a hold beside such versions. */
export const harmfulClocks: Readonly<Record<string, Configuration>> = {
  'two commits of one version and reads of replicas': { ...replicas, ...oneTick },
  'two commits of one version and another daemon that is late': { ...updates, ...oneTick, oldDaemon: true },
  'an older version that is committed later and reads of replicas': { ...replicas, ...inverted },
  'an older version that is committed later and another daemon that is late': {
    ...updates,
    ...inverted,
    oldDaemon: true,
  },
  'a row that is inserted again below its old version, reads of replicas, and M evicted': {
    ...replicas,
    history: ['row', 'gone', 'row'],
    clock: [3, 3, 1],
    evictions: 1,
  },
  'changes of another table without a version and reads of replicas': {
    ...replicas,
    history: ['row', 'row', 'unversioned'],
  },
  // The hold went with M, and the next fill from the primary left a floor that another table's change does not raise.
  'changes of another table without a version, reads of replicas, a hold, and M, then K evicted': {
    ...replicas,
    history: ['row', 'unversioned'],
    hold: true,
    evictions: 2,
  },
  'two commits of one version, reads of replicas, a hold, and M, then K evicted': {
    ...replicas,
    ...oneTick,
    hold: true,
    evictions: 2,
  },
};
