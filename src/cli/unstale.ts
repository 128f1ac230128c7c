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
  if (process.argv[2] === 'start') return import('./start-main.ts');
  if (process.argv[2] !== 'run') return import('./main.ts');
  const { DAEMON_FLAGS } = await import('./v8-flags.ts');
  // A supervisor gives them on the command line already.
  if (DAEMON_FLAGS.every((flag) => process.execArgv.includes(flag))) return import('./daemon-main.ts');
  // To be said before the heap grows.
  const v8 = await import('node:v8');
  for (const flag of DAEMON_FLAGS) v8.setFlagsFromString(flag);
  return import('./daemon-main.ts');
}
