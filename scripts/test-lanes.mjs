// `npm test`: all tests, in lanes side by side. Each has servers of its own, and most of the time one waits for a
// server to start or to fail: one after the other, the machine would be idle half of the time.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Parts of each kind: small enough that no lane is left alone with a long one at the end. */
const PARTS = 4;
const LANES = 4;

const parts = Array.from({ length: PARTS }, (_, at) => ['--shard', `${at + 1}/${PARTS}`]).flatMap((shard) => [
  ['--project', 'unit', '--project', 'integration', ...shard],
  ['--project', 'fault', ...shard],
]);
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const chosen = process.argv.slice(2);
const waiting = chosen.length === 0 ? parts : [chosen];
// The tests start the program about a thousand times; compiled once it takes a quarter less (Node.js 22.1 and newer).
const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'unstale-compile-cache'), ...process.env };

await Promise.all(Array.from({ length: LANES }, lane));

async function lane() {
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    const code = await run(part);
    if (code !== 0) process.exitCode = code;
  }
}

function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, 'run', ...args], { stdio: 'inherit', env });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
