// Maps changes on one core for a while, in a process of its own: the scenario and the side are its arguments.
import type { MappingOutput } from '../../src/mapping/plan.ts';
import type { MappingReport } from './bench-mapping.ts';
import { interpreter } from './interpreter.ts';
import { scenarioOf, SCENARIOS } from './scenarios.ts';

/** Changes of one slice, whose commands are taken away together. */
const SLICE = 1_000;
/** Of CPU time. */
const WARM_UP_MS = 300;
const MEASURED_MS = 600;

const [, , name, side] = process.argv;
const scenario = SCENARIOS.find((known) => known === name);
if (scenario === undefined) throw new Error(`no scenario ${name}`);
const { plan, changes } = scenarioOf(scenario);
const map = side === 'compiled' ? plan.map.bind(plan) : interpreter(plan);
const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };

let commands = 0;
/** CPU time of all threads, so that the garbage collector's work counts and other programs' does not. */
const run = (milliseconds: number): MappingReport => {
  const start = process.cpuUsage();
  commands = 0;
  let rows = 0;
  let elapsed = 0;
  for (let at = 0; elapsed < milliseconds; at = (at + SLICE) % changes.length) {
    for (let index = at; index < at + SLICE; index += 1) {
      const change = changes[index];
      if (change !== undefined) map(change, out);
    }
    commands += out.commands.length;
    out.commands.length = 0;
    rows += SLICE;
    const { user, system } = process.cpuUsage(start);
    elapsed = (user + system) / 1_000;
  }
  return { rows, commands, cpuSeconds: elapsed / 1_000 };
};

run(WARM_UP_MS);
console.log(JSON.stringify(run(MEASURED_MS)));
