import type { Configuration } from './configuration.ts';
import { rows } from './histories.ts';
import type { Line } from './scripts.ts';

const lease = { history: rows(1), readers: 2, command: 'invalidate' } as const;
const caughtUp = { ...lease, history: rows(2), hold: true, replicaReads: true, caughtUpReads: true } as const;
const floors = { ...lease, history: rows(2), versions: true, replicaReads: true } as const;
const twoTables = { ...floors, history: ['row', 'unversioned'], hold: true } as const;
const updates = { ...lease, history: rows(2), command: 'update', versions: true } as const;
const reinserted = { ...floors, history: ['row', 'gone', 'row', 'gone'], evictions: 1, crashes: 1 } as const;
/** Its absence is cached before the daemon has seen any of it. */
const deleted = { ...updates, history: ['row', 'row', 'gone'], evictions: 1, evicts: 'K' } as const;
const never = { property: 'never goes back' } as const;

/** For each line of the scripts something that holds with it, and does not hold without it. */
export const killers: Readonly<Record<Line, Configuration>> = {
  // Costs reads of the database, no freshness.
  'getOrLease looks for a value again': { ...lease, property: 'one reader a lease' },
  // As above: the newest lease is the only one that fills.
  'getOrLease makes readers wait for a live lease': { ...lease, property: 'one reader a lease' },
  // Its readers would wait for themselves until the lease expires.
  'getOrLease gives a caller its own lease again': { ...lease, lostReplies: true },
  'getOrLease tells of the hold': twoTables,
  'fill refuses another token': lease,
  // An expired lease that nobody took over and no change voided is still right, but for a flush that waited for it.
  'fill refuses an expired lease': { ...lease, command: 'UNLINK K M', gap: 'K after the leases' },
  // Others would wait for a reader that is done; what it stores twice is the same.
  'fill removes the lease': { ...lease, property: 'no idle lease' },
  'fill compares only versions of one length': { ...floors, otherKind: [2], evictions: 1 },
  'fill refuses a version below the floor': floors,
  // Not reached by readers that heed `holdMs`: an invalidation that sets a hold voids the lease too. It limits the harm
  // of those that do not; what they read during the hold they can still store after it.
  'fill refuses a replica during a hold': {
    ...twoTables,
    heedless: true,
    property: 'a replica waits for the hold',
  },
  'fill refuses a replica where versions say nothing': { ...floors, evictions: 1 },
  // The event of what was read comes later and removes what is too old; until then it would be seen.
  'fill raises the floor': { ...floors, ...never },
  'fill notes a value without a version beside a floor': { ...deleted, ...never },
  // An update would drop what it may replace.
  'fill forgets that note with a version': {
    ...deleted,
    history: ['row', 'gone', 'row'],
    property: 'what is known stays',
  },
  'invalidate removes the value': lease,
  // Meta's outage: a delete that was skipped because its version was not higher.
  'invalidate removes the value whatever its version': {
    ...lease,
    history: rows(2),
    versions: true,
    clock: [0, 2, 1],
  },
  'invalidate voids the lease': lease,
  'invalidate voids the lease whatever its version': {
    ...lease,
    history: rows(2),
    versions: true,
    clock: [0, 2, 1],
  },
  'invalidate raises the floor': floors,
  'invalidate never lowers the floor': { ...floors, oldDaemon: true },
  'invalidate takes over a version of another length': { ...floors, otherKind: [2], evictions: 1 },
  'invalidate sets the hold': twoTables,
  // Without it no replica ever counts as caught up: see the schedules that have to exist.
  'invalidate notes the GTID': caughtUp,
  'invalidate forgets a GTID where it has none': { ...caughtUp, withoutGtid: [2] },
  'invalidate forgets the GTID of a running hold': { ...caughtUp, oldDaemon: true },
  'update compares only versions of one length': { ...updates, otherKind: [2], oldDaemon: true },
  'update refuses a version below the floor': { ...updates, create: true, oldDaemon: true },
  'update drops a value of unknown age': { ...updates, oldDaemon: true, evictions: 1 },
  'update drops a value without a version': { ...deleted, ...never },
  // It fills the cache with what nobody asked for, and makes old values where K and M were evicted.
  'update creates only where it is told to': { ...updates, property: 'only what was asked for' },
  'update voids the lease': { ...updates, history: ['gone', 'row'] },
  'update raises the floor': { ...updates, create: true, oldDaemon: true },
};

/** What does not hold where the daemon or the readers do something else. */
export const behaviours: Readonly<Record<string, readonly [sound: Configuration, broken: Configuration]>> = {
  'a deletion has no rank above its row': [
    { ...reinserted, replicaReads: true },
    { ...reinserted, replicaReads: true, rank: false },
  ],
  'an event is applied before its row is visible': [lease, { ...lease, barrier: false }],
  'a refused update is not followed by an invalidation': [
    { ...updates, clock: [0, 2, 1], create: true },
    { ...updates, clock: [0, 2, 1], create: true, refusedInvalidates: false },
  ],
  'an event that comes again is an update': [
    { ...updates, ...never, readers: 0, create: true, evictions: 1, rewinds: 1 },
    { ...updates, ...never, readers: 0, create: true, evictions: 1, rewinds: 1, replaysInvalidate: false },
  ],
  'a failover is not followed by a replay': [
    { ...lease, failovers: 1, replay: true },
    { ...lease, failovers: 1 },
  ],
  'a gap is followed by a flush of K alone': [
    { ...lease, gap: 'K and M' },
    { ...lease, gap: 'K' },
  ],
  'a reader does not heed the hold': [twoTables, { ...twoTables, heedless: true }],
  'a second delete does not come': [
    { ...lease, plainReaders: 1, redelete: true },
    { ...lease, plainReaders: 1 },
  ],
};

/** What has to be possible: scripts that refuse everything would keep every other promise. */
export const possible: Readonly<Record<string, readonly [Configuration, step: string]>> = {
  'a value from the primary is stored': [lease, 'fills 1: stored'],
  'a lease whose reply was lost is given again': [{ ...lease, lostReplies: true }, 'gets its lease again'],
  'a lease is voided': [lease, 'fills 0: voided'],
  'an expired lease is refused': [lease, 'fills 0: expired'],
  'a value from a replica is stored by its version': [floors, 'fills 1: stored'],
  'a value below the floor is refused': [floors, 'fills 0: outdated'],
  'a replica is read that has caught up with the hold': [caughtUp, 'reads 1, caught-up'],
  'a reader is told of a hold': [caughtUp, 'is told of a hold'],
  'a replica of which versions say nothing is refused': [{ ...floors, versions: false }, 'fills 0: unknown'],
  'a heedless reader is refused during the hold': [{ ...twoTables, heedless: true }, 'fills 0: hold'],
  'an update replaces a value': [updates, 'updates 2: stored'],
  'an update creates a value': [{ ...updates, readers: 0, create: true }, 'updates 1: stored'],
  'an update leaves what is absent': [updates, 'updates 1: skipped'],
  'an update drops a value of unknown age': [{ ...updates, evictions: 1 }, 'updates 2: dropped'],
  'an update is refused': [updates, 'updates 1: refused'],
};
