import { expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import { DryRunSink } from './dry-run-sink.ts';

it('a dry run counts commands by rule and kind and keeps twenty distinct ones', async () => {
  const sink = new DryRunSink();
  const deletes = Array.from({ length: 30 }, (_, n): CacheCommand => ({
    kind: 'delete',
    key: `k${n}`,
    rule: 'rules[0]',
  }));
  const commands: CacheCommand[] = [
    ...deletes,
    { kind: 'scope', pattern: 'k*', members: false, reason: 'ddl', rule: 'rules[1]' },
  ];
  for (let time = 0; time < 2; time += 1) {
    const result = await sink.apply({ seq: 1, commands, lookups: [], bytes: 0, marks: [] });
    expect(result).toEqual({ outcome: 'durable', removed: 0 });
  }
  expect(sink.summary.get('rules[0]')?.counts.delete).toBe(60);
  expect(sink.summary.get('rules[0]')?.sample).toEqual(deletes.slice(0, 20));
  expect(sink.summary.get('rules[1]')?.counts.scope).toBe(2);
  expect(sink.summary.get('rules[1]')?.sample).toHaveLength(1);
});
