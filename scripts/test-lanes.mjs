// `npm test`: all tests, in lanes side by side. Each has servers of its own, and most of the time one waits for a
// server to start or to fail: one after the other, the machine would be idle half of the time.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const LANES = [
  ['--project', 'unit', '--project', 'integration', '--shard', '1/2'],
  ['--project', 'unit', '--project', 'integration', '--shard', '2/2'],
  ['--project', 'fault', '--shard', '1/2'],
  ['--project', 'fault', '--shard', '2/2'],
];

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const chosen = process.argv.slice(2);
const lanes = chosen.length === 0 ? LANES : [chosen];

const codes = await Promise.all(
  lanes.map(
    (args) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [vitest, 'run', ...args], { stdio: 'inherit' });
        child.once('error', reject);
        child.once('exit', (code) => resolve(code ?? 1));
      }),
  ),
);
process.exitCode = codes.find((code) => code !== 0) ?? 0;
