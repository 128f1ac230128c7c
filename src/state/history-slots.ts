/** Entries of the last minutes, which a failover of Redis goes back to; written in turn. */
export const RECENT_SLOTS = 16;
/** Behind them one entry a minute, for an hour. */
const MINUTES = 60;
/** Behind them one entry an hour, for a week and half a day: 256 slots in all, which a TINYINT UNSIGNED numbers. */
const HOURS = 256 - RECENT_SLOTS - MINUTES;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The slot of the minute of a moment, ms since the epoch: the same one again an hour later. */
export function minuteSlot(at: number): number {
  return RECENT_SLOTS + (Math.floor(at / MINUTE) % MINUTES);
}

/** The slot of the hour of a moment, ms since the epoch. */
export function hourSlot(at: number): number {
  return RECENT_SLOTS + MINUTES + (Math.floor(at / HOUR) % HOURS);
}

/** The slots in which an entry is kept beside the recent ones: those whose minute or hour has not got one yet. */
export function keptSlots(at: number, lastKeptAt: number | undefined): readonly number[] {
  const isNew = (unit: number): boolean =>
    lastKeptAt === undefined || Math.floor(at / unit) !== Math.floor(lastKeptAt / unit);
  return [...(isNew(MINUTE) ? [minuteSlot(at)] : []), ...(isNew(HOUR) ? [hourSlot(at)] : [])];
}
