import { formatTable } from '../../change/table.ts';
import type { TableInterest } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import type { ServerFacts } from '../server-facts.ts';
import { compileCascades } from './cascade-plan.ts';
import type { CascadePlan } from './cascade-plan.ts';
import { cascadesAddedBy, concernsForeignKeys } from './foreign-key.ts';
import type { ForeignKeyCascade } from './foreign-key.ts';
import { readCascades } from './read-cascades.ts';

/** Adds to the changes of a server those that it makes by cascade and does not log. */
export class CascadeFollower {
  readonly #mapped: readonly TableInterest[];
  /**
   * Every cascade that was ever seen. The binlog lags behind the schema: a foreign key that is gone by now may
   * have acted in what is yet to be read, and one too many only invalidates more.
   */
  readonly #known = new Map<string, ForeignKeyCascade>();
  #unlogged = false;
  #plan: CascadePlan | undefined;

  constructor(mapped: readonly TableInterest[]) {
    this.#mapped = mapped;
  }

  /** What to decode: the mapped tables first, and what cascades start from. */
  get interests(): readonly TableInterest[] {
    return this.#plan?.interests ?? this.#mapped;
  }

  /** Reads the foreign keys of now. @throws UnstaleError when the server cannot be asked. */
  async refresh(client: SqlClient, server: ServerFacts): Promise<void> {
    const found = await readCascades(
      client,
      server,
      this.#mapped.map((interest) => interest.table),
    );
    this.#unlogged = !found.logged;
    for (const cascade of found.cascades) this.#known.set(identify(cascade), cascade);
    this.#plan =
      this.#known.size === 0 ? undefined : compileCascades([...this.#known.values()], this.#mapped);
  }

  /** An event as it would be if the server logged its cascades. */
  complete(event: BinlogEvent): BinlogEvent {
    if (event.kind !== 'rows' || this.#plan === undefined) return event;
    return { ...event, changes: this.#plan.complete(event.changes) };
  }

  /** Whether the foreign keys have to be read again before what follows this event can be decoded. */
  isOutdatedBy(event: BinlogEvent): boolean {
    if (!this.#unlogged || event.kind !== 'statement' || !concernsForeignKeys(event.text)) return false;
    // They may be gone again by the time they are read.
    for (const cascade of cascadesAddedBy(event.text, event.schema)) {
      const name = identify(cascade);
      if (!this.#known.has(name)) this.#known.set(name, cascade);
    }
    return true;
  }
}

/** What a cascade does, whatever its name and however much is known of its columns' types. */
function identify({ parent, child, columns, onDelete, onUpdate }: ForeignKeyCascade): string {
  const pairs = columns.map((pair) => [pair.parent, pair.child]);
  return JSON.stringify([formatTable(parent), formatTable(child), pairs, onDelete, onUpdate]);
}
