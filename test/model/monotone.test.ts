import { describe, expect, it } from 'vitest';
import { explore } from './explore.ts';
import { monotone, receding } from './monotone.ts';

describe('no schedule shows a value after a newer one with', () => {
  it.each(Object.entries(monotone))('%s', (_name, { states, ...configuration }) => {
    expect(explore(configuration)).toEqual({ states, counterexample: undefined });
  });
});

describe('some schedule shows a value after a newer one with', () => {
  it.each(Object.entries(receding))('%s', (_name, configuration) => {
    expect(explore(configuration).counterexample).toBeDefined();
  });
});
