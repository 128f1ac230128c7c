import { describe, expect, it } from 'vitest';
import { explore, scheduleTo } from './explore.ts';
import { behaviours, killers, possible } from './killers.ts';
import { LINES } from './scripts.ts';
import type { Line } from './scripts.ts';

/** What lacks these breaks no promise of freshness in any schedule; they are missed in another way. */
const MISSED_OTHERWISE: Partial<Record<Line, string>> = {
  'getOrLease gives a caller its own lease again': 'gets its lease again',
  'invalidate notes the GTID': 'caught-up',
};

describe('the model finds out when it is not so that', () => {
  it.each(LINES)('%s', (line) => {
    const configuration = killers[line];
    const step = MISSED_OTHERWISE[line];
    const mutant = { ...configuration, missing: line };
    expect(explore(configuration).counterexample).toBeUndefined();
    if (step === undefined) {
      expect(explore(mutant).counterexample).toBeDefined();
    } else {
      expect(explore(mutant).counterexample).toBeUndefined();
      expect(scheduleTo(configuration, step)).toBeDefined();
      expect(scheduleTo(mutant, step)).toBeUndefined();
    }
  });
});

describe('the model finds out when', () => {
  it.each(Object.entries(behaviours))('%s', (_name, [sound, broken]) => {
    expect(explore(sound).counterexample).toBeUndefined();
    expect(explore(broken).counterexample).toBeDefined();
  });
});

describe('in some schedule', () => {
  it.each(Object.entries(possible))('%s', (_name, [configuration, step]) => {
    expect(scheduleTo(configuration, step)?.at(-1)).toContain(step);
  });
});
