import type { Redis } from 'ioredis';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { ABSENT } from '../../src/reader/entry.ts';
import type { TestDatabase } from './database.ts';
import { HOT_ROWS, hotRows } from './hot-rows.ts';
import type { HotRow } from './hot-rows.ts';
import type { KeyHistory } from './key-history.ts';

export interface Staleness {
  /** Keys that are cached. */
  readonly cached: number;
  /** Of each key that differs from its row all that is known, beginning with its name. */
  readonly stale: readonly string[];
}

const ALL: readonly number[] = Array.from({ length: HOT_ROWS }, (_, index) => index + 1);

/** Compares what is cached of the hot rows, or of those with the ids, with the database. */
export async function staleKeys(
  db: TestDatabase,
  client: Redis,
  kinds: readonly ((id: number) => string)[],
  history: KeyHistory,
  ids: readonly number[] = ALL,
): Promise<Staleness> {
  const rows = await hotRows(db);
  const stale: string[] = [];
  let cached = 0;
  for (const kind of kinds) {
    const values = await client.mget(ids.map(kind));
    for (const [index, id] of ids.entries()) {
      const [key, row, value] = [kind(id), rows.get(id), values[index] ?? null];
      if (value === null) continue;
      cached += 1;
      if (isCurrent(value, row)) continue;
      const companion = await client.hgetall(companionKey(key));
      stale.push(
        [
          `${key}: ${JSON.stringify(value)}, ends in ${await client.pttl(key)} ms`,
          `row: ${JSON.stringify(row ?? 'absent')}`,
          `companion: ${JSON.stringify(companion)}`,
          ...history.of(id),
        ].join('\n  '),
      );
    }
  }
  return { cached, stale };
}

function isCurrent(value: string, row: HotRow | undefined): boolean {
  const found: Partial<HotRow> | null = value === ABSENT ? null : JSON.parse(value);
  if (found === null || row === undefined) return found === null && row === undefined;
  return found.id === row.id && found.n === row.n && found.row_version === row.row_version;
}
