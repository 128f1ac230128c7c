#!/usr/bin/env node
// Only syntax that Node 14 parses may stand here, so that an old Node gets a sentence and not a stack trace;
// the rest of the program is loaded after the check, for the same reason.
const version = process.versions.node.split('.').map(Number);
const major = version[0] || 0;
const minor = version[1] || 0;

if (major > 22 || (major === 22 && minor >= 15)) {
  void start();
} else {
  process.stderr.write(
    'unstale needs Node.js 22.15 or newer; this is v' + process.versions.node + '. (UNSTALE_NODE_TOO_OLD)\n',
  );
  process.exitCode = 2;
}

async function start() {
  if (process.argv[2] !== 'run') return import('./main.ts');
  // V8 would let the young generation grow to 64 MB and the old one to a multiple of what is alive, because the
  // machine has memory. A daemon beside an application should not take it: this halves its peak, and a
  // backlog is still worked off faster than by a plain loop (docs/benchmarks.md). To be said before the heap grows.
  const v8 = await import('node:v8');
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  v8.setFlagsFromString('--heap-growing-percent=12');
  // However small the percentage, the old generation grows by 8 MB before it is collected; with this by 2 MB.
  v8.setFlagsFromString('--optimize-for-size');
  return import('./daemon-main.ts');
}
