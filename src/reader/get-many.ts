import type { ReaderCore } from './core.ts';
import type { Flight, Flights } from './flights.ts';
import type { Gate } from './gate.ts';
import type { LoadMany } from './loader.ts';
import { loadManyUnleased, readMany } from './read-many.ts';
import type { ReadSettings } from './settings.ts';

/**
 * Reads many keys: joins the reads that are on their way, and begins one for all others together. Resolves with those
 * that have a value.
 */
export async function getMany<V>(
  { core, flights, gate }: { readonly core: ReaderCore; readonly flights: Flights; readonly gate: Gate },
  keys: readonly string[],
  loadMany: LoadMany<V>,
  settings: ReadSettings<V>,
): Promise<Map<string, V>> {
  const { inTransaction, noFill } = settings;
  const joined: Flight<V>[] = [];
  const direct: Flight<V>[] = [];
  const bypassed: Flight<V>[] = [];
  const cached: Flight<V>[] = [];
  for (const key of new Set(keys)) {
    if (inTransaction) {
      direct.push(flights.begin<V>(key, false));
      continue;
    }
    const shared = noFill ? undefined : flights.get(key);
    if (shared !== undefined) joined.push(shared as Flight<V>);
    else if (!gate.isFiltered(key)) {
      const group = gate.isBypassed(key) ? bypassed : cached;
      group.push(flights.begin<V>(key, !noFill));
    }
  }
  const batch = { core, loadMany, settings };
  endAll(direct, loadManyUnleased(batch, direct, 'transaction'));
  endAll(bypassed, loadManyUnleased(batch, bypassed, 'bypass'));
  endAll(cached, readMany(batch, cached));

  const found = await Promise.all(
    [...joined, ...direct, ...bypassed, ...cached].map(
      async ({ key, promise }) => [key, await promise] as const,
    ),
  );
  return new Map(found.filter((entry): entry is [string, Awaited<V>] => entry[1] !== undefined));
}

/** What ends the flights should not fail; if it does, they fail with it instead of never ending. */
function endAll(flights: readonly Flight<unknown>[], ending: Promise<void>): void {
  ending.catch((error: unknown) => {
    for (const flight of flights) flight.reject(error);
  });
}
