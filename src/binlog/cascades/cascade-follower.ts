import { formatTable } from '../../change/table.ts';
import type { TableInterest, TableInterests, TableRef } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import { existingTables } from '../existing-tables.ts';
import type { ServerFacts } from '../server-facts.ts';
import { compileCascades } from './cascade-plan.ts';
import type { CascadePlan } from './cascade-plan.ts';
import { cascadesAddedBy, concernsForeignKeys } from './foreign-key.ts';
import type { ForeignKeyCascade } from './foreign-key.ts';
import { readCascades } from './read-cascades.ts';

/** Statements that are remembered; more in one stretch that is read again only cost another turn. */
const MAX_ANSWERED = 256;

/** Adds to the changes of a server those that it makes by cascade and does not log. */
export class CascadeFollower {
  readonly #mapped: TableInterests;
  readonly #stateSchema: string | undefined;
  /**
   * Every cascade that was ever seen. The binlog lags behind the schema: a foreign key that is gone by now may
   * have acted in what is yet to be read, and one too many only invalidates more.
   */
  readonly #known = new Map<string, ForeignKeyCascade>();
  /** Statements after which the foreign keys were read, by their place and text: a resumed dump repeats some. */
  readonly #answered = new Set<string>();
  #unlogged = false;
  #plan: CascadePlan | undefined;
  /** The plan's interests, by schema and table. */
  #planned: ReadonlyMap<string, TableInterest> = new Map();

  /** @param stateSchema schema of unstale's state tables when they are on this server */
  constructor(mapped: TableInterests, stateSchema: string | undefined) {
    this.#mapped = mapped;
    this.#stateSchema = stateSchema;
  }

  /** What to decode: the mapped tables with what cascades need of them, and what cascades start from. */
  get interests(): Pick<TableInterests, 'of'> {
    const [mapped, planned] = [this.#mapped, this.#planned];
    return { of: (schema, table) => planned.get(nameOf({ schema, table })) ?? mapped.of(schema, table) };
  }

  /** Reads the foreign keys of now. @throws UnstaleError when the server cannot be asked. */
  async refresh(client: SqlClient, server: ServerFacts): Promise<void> {
    let mapped = this.#mapped.named;
    const found = await readCascades(client, server, async () => {
      mapped = await existingTables(client, this.#mapped, this.#stateSchema);
      return mapped.map((interest) => interest.table);
    });
    this.#unlogged = !found.logged;
    for (const cascade of found.cascades) this.#known.set(identify(cascade), cascade);
    this.#plan = this.#known.size === 0 ? undefined : this.#compile(mapped);
    this.#planned = new Map(this.#plan?.interests.map((interest) => [nameOf(interest.table), interest]));
  }

  #compile(existing: readonly TableInterest[]): CascadePlan {
    const cascades = [...this.#known.values()];
    const mapped = new Set(existing);
    // A pattern may select tables that are gone by now, while their rows are yet to be read.
    for (const { parent, child } of cascades) {
      for (const { schema, table } of [parent, child]) {
        const interest = this.#mapped.of(schema, table);
        if (interest !== undefined) mapped.add(interest);
      }
    }
    return compileCascades(cascades, [...mapped]);
  }

  /** An event as it would be if the server logged its cascades. */
  complete(event: BinlogEvent): BinlogEvent {
    if (event.kind !== 'rows' || this.#plan === undefined) return event;
    return { ...event, changes: this.#plan.complete(event.changes) };
  }

  /**
   * Whether the foreign keys have to be read again before what follows this event can be decoded. Says so once: the
   * dump is resumed before the event if a transaction is open there, and brings it again.
   */
  isOutdatedBy(event: BinlogEvent): boolean {
    if (!this.#unlogged || event.kind !== 'statement' || !concernsForeignKeys(event.text)) return false;
    const statement = `${event.timestamp} ${event.nextOffset} ${event.text}`;
    if (this.#answered.has(statement)) return false;
    if (this.#answered.size >= MAX_ANSWERED) this.#answered.clear();
    this.#answered.add(statement);
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

// Unambiguous: MySQL names cannot hold NUL.
function nameOf({ schema, table }: TableRef): string {
  return `${schema}\0${table}`;
}
