// `npm test`: all tests, in lanes side by side. Each has servers of its own, and most of the time one waits for a
// server to start or to fail: one after the other, the machine would be idle half of the time.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
// The tests start the program about a thousand times; compiled once it takes a quarter less (Node.js 22.1 and newer).
const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'unstale-compile-cache'), ...process.env };

const codes = await Promise.all(
  lanes.map(
    (args) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [vitest, 'run', ...args], { stdio: 'inherit', env });
        child.once('error', reject);
        child.once('exit', (code) => resolve(code ?? 1));
      }),
  ),
);
process.exitCode = codes.find((code) => code !== 0) ?? 0;
