import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RowChange, RowImage } from '../change/row-change.ts';
import type { CacheCommand } from '../change/command.ts';
import { coalesceAll } from '../pipeline/coalesce.ts';
import { compilePlan } from './plan.ts';
import type { MappingOutput } from './plan.ts';
import type { TableRule } from './rule.ts';
import { ALL_EVENTS } from './rule.ts';
import { parseTemplate } from './template.ts';

interface Row {
  readonly key: string;
  readonly sold: number;
  readonly text: string | null;
  readonly version: number;
}

/** What Redis would hold: values with versions, and the versions of what is gone. */
class Store {
  readonly values = new Map<string, string>();
  readonly #floors = new Map<string, string>();

  apply(command: CacheCommand): void {
    if (command.kind === 'update') {
      const { version, value } = command;
      const floor = this.#floors.get(command.key) ?? '';
      this.values.delete(command.key);
      if (version < floor) return;
      this.#floors.set(command.key, version);
      this.values.set(command.key, String(value));
    } else if (command.kind === 'delete') {
      this.values.delete(command.key);
      const version = command.guard?.kind === 'marker' ? (command.guard.version ?? '') : '';
      if (version > (this.#floors.get(command.key) ?? '')) this.#floors.set(command.key, version);
    }
  }
}

const parsed = parseTemplate('k:{key}', {});
if (!parsed.ok) throw new Error(parsed.problem);
const rule: TableRule = {
  kind: 'table',
  id: 'rules[0]',
  tables: { kind: 'exact', table: { schema: 's', table: 't' } },
  on: new Set(ALL_EVENTS),
  condition: { image: [{ column: 'sold', tests: [{ op: 'eq', value: '0' }] }] },
  keys: [parsed.template],
  keysFromSet: [],
  action: {
    kind: 'update',
    value: {
      form: 'json',
      fields: [
        { column: 'key', name: 'k', format: 'auto' },
        { column: 'text', name: 't', format: 'auto' },
      ],
    },
    version: { kind: 'column', column: 'version' },
    ttl: 1000,
    ttlJitter: 0,
    create: true,
    replicaHold: 0,
  },
};
const plan = compilePlan([rule]);
const [interest] = plan.interests.named;
const imageOf = (row: Row): RowImage => interest!.columns.map((column) => row[column as keyof Row] ?? null);
const commandsOf = (change: RowChange): CacheCommand[] => {
  const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
  plan.map(change, out);
  return out.commands;
};

const step = fc.record({
  row: fc.integer({ min: 0, max: 2 }),
  delete: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  sold: fc.integer({ min: 0, max: 1 }),
  text: fc.constantFrom('x', 'y', null),
  /** Mostly grows; now and then it contradicts the order of the commits. */
  grows: fc.integer({ min: -1, max: 3 }),
  endsBatch: fc.boolean(),
});

/** The changes of some rows, each key of one row at a time, with the rows that are there at the end. */
function history(steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) {
  const rows = new Map<number, Row>();
  const batches: RowChange[][] = [[]];
  for (const [clock, { row: id, delete: gone, endsBatch, grows, ...columns }] of steps.entries()) {
    const before = rows.get(id);
    const taken = [...rows].some(([other, row]) => other !== id && row.key === columns.key);
    if (taken && !gone) continue;
    const { table } = interest!;
    if (gone) {
      if (before === undefined) continue;
      rows.delete(id);
      batches.at(-1)!.push({ op: 'delete', table, before: imageOf(before) });
    } else {
      const version = before === undefined ? clock * 10 + 10 : Math.max(0, before.version + grows);
      const after = { ...columns, version };
      rows.set(id, after);
      batches
        .at(-1)!
        .push(
          before === undefined
            ? { op: 'insert', table, after: imageOf(after) }
            : { op: 'update', table, before: imageOf(before), after: imageOf(after) },
        );
    }
    if (endsBatch) batches.push([]);
  }
  return { rows: [...rows.values()], batches };
}

describe('for any changes of rows whose values are stored', () => {
  it.each([
    ['one after the other', (commands: readonly CacheCommand[]) => commands],
    ['coalesced in batches', coalesceAll],
  ])('what is cached is what the rows say, %s', (_, together) => {
    let cached = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const { rows, batches } = history(steps);
        const store = new Store();
        for (const batch of batches)
          for (const command of together(batch.flatMap(commandsOf))) store.apply(command);
        const truth = new Map(
          rows
            .filter(({ sold }) => sold === 0)
            .map(({ key, text }) => [`k:${key}`, JSON.stringify({ k: key, t: text })]),
        );
        cached += store.values.size;
        for (const [key, value] of store.values) expect([key, value]).toEqual([key, truth.get(key)]);
      }),
      { numRuns: 2000 },
    );
    expect(cached).toBeGreaterThan(500);
  });
});
