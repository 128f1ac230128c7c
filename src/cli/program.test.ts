import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** Prints the packages that the program has loaded on standard error. */
const WATCH = `import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({ load(url, context, next) {
    const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1];
    if (name !== undefined) packages.add(name);
    return next(url, context);
  } });
  process.once('exit', () => process.stderr.write(JSON.stringify([...packages].sort())));`;

async function packagesOf(...args: readonly string[]): Promise<unknown> {
  const watch = `data:text/javascript,${encodeURIComponent(WATCH)}`;
  const { stderr } = await run(process.execPath, ['--no-warnings', '--import', watch, main, ...args]);
  return JSON.parse(stderr);
}

describe('a command', () => {
  it('loads no driver, and nothing that reads a configuration, before it needs them', async () => {
    expect(await packagesOf('explain', '--help')).toEqual(['commander']);
    expect(await packagesOf('status', '--help')).toEqual(['commander']);
  });
});
