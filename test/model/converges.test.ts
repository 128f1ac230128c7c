import { describe, expect, it } from 'vitest';
import { harmfulClocks, harmlessClocks } from './clocks.ts';
import { converging } from './converging.ts';
import { diverging } from './diverging.ts';
import { explore } from './explore.ts';

describe('in every schedule a key ends absent, or as its row is, with', () => {
  it.each(Object.entries({ ...converging, ...harmlessClocks }))(
    '%s',
    (_name, { states, ...configuration }) => {
      expect(explore(configuration)).toEqual({ states, counterexample: undefined });
    },
  );
});

describe('some schedule leaves a key stale with', () => {
  it.each(Object.entries({ ...diverging, ...harmfulClocks }))('%s', (_name, configuration) => {
    expect(explore(configuration).counterexample).toBeDefined();
  });
});
