import { describe, expect, it } from 'vitest';
import { harmlessClocks } from '../model/clocks.ts';
import type { Configuration } from '../model/configuration.ts';
import { converging } from '../model/converging.ts';
import { explore } from '../model/explore.ts';
import { rows } from '../model/histories.ts';
import { monotone } from '../model/monotone.ts';

/**
 * Three readers, three commits and two evictions where the short suite has fewer. With failovers, which double what
 * there is to know, evictions stay as they are: two gigabytes are enough.
 */
function deeper(configuration: Configuration): Configuration {
  const { readers, history, clock, evictions, failovers } = configuration;
  const isPlain = clock === undefined && history.every((commit) => commit === 'row');
  return {
    ...configuration,
    ...(readers === 0 ? {} : { readers: 3 }),
    ...(isPlain ? { history: rows(3) } : {}),
    ...(evictions === undefined || failovers !== undefined ? {} : { evictions: Math.max(2, evictions) }),
  };
}

describe('with three readers and three commits, in every schedule', () => {
  it.each(Object.entries({ ...converging, ...harmlessClocks, ...monotone }))(
    '%s',
    (name, { states, ...configuration }) => {
      const exploration = explore(deeper(configuration));
      console.log(`${exploration.states} states, ${states} in the short suite: ${name}`);
      expect(exploration.counterexample).toBeUndefined();
    },
  );
});
