import type { ReaderCore } from './core.ts';
import { decodeEntry, UNDECODABLE } from './entry.ts';
import type { Flight } from './flights.ts';
import type { Load } from './loader.ts';
import { loadUnleased, readThrough } from './read-through.ts';
import { refreshWhenDue } from './refresh.ts';
import type { ReadSettings } from './settings.ts';

/**
 * Reads the key of a flight, and ends the flight. A hit takes no promise beside the client's and the flight's own: it
 * is what an application does most.
 */
export function readOne<V>(
  core: ReaderCore,
  flight: Flight<V>,
  load: Load<V>,
  settings: ReadSettings<V>,
): void {
  const { client, observer } = core;
  const { key } = flight;
  const read = { key, load, settings, flight };
  const { codec } = settings;

  const hit = (stored: string | Buffer, value: V | undefined): void => {
    observer.hit(key, value === undefined);
    if (core.lastKnown !== undefined && !flight.isDropped) core.lastKnown.record(key, stored);
    if (core.schedule !== undefined) refreshWhenDue(core, core.schedule, read);
    flight.resolve(value);
  };

  core.calls.run<string | Buffer | null>({
    command: 'get',
    send: () => (codec.reads === 'text' ? client.get(key) : client.getBytes(key)),
    onReply(stored) {
      if (stored === null) {
        observer.miss(key);
        flight.follow(settings.noFill ? loadUnleased(core, read, 'no-fill') : readThrough(core, read));
        return;
      }
      const value = decodeEntry(codec, stored);
      if (value !== UNDECODABLE) {
        hit(stored, value);
        return;
      }
      observer.miss(key);
      flight.follow(loadUnleased(core, read, 'undecodable'));
    },
    onFailure(error) {
      flight.follow(loadUnleased(core, read, isWrongType(error) ? 'type' : 'redis'));
    },
  });
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}
