import { describe, expect, it } from 'vitest';

import { MIGRATIONS, STATE_VERSION, stateDdl } from './migrations.ts';

describe('the migrations', () => {
  it('are numbered from 1 without gaps', () => {
    expect(MIGRATIONS.map(({ version }) => version)).toEqual(MIGRATIONS.map((_, index) => index + 1));
    expect(STATE_VERSION).toBe(MIGRATIONS.length);
  });

  it('may be run twice', () => {
    for (const sql of stateDdl('unstale')) {
      expect(sql).toMatch(/^(CREATE (DATABASE|TABLE) IF NOT EXISTS|INSERT IGNORE) /);
    }
  });

  it('quote the name of the database', () => {
    for (const sql of stateDdl('a`b-c')) expect(sql).toContain('`a``b-c`');
  });
});
