import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { repositoryPath } from './repository.ts';

const run = promisify(execFile);

const packed = z.object({
  filename: z.string(),
  version: z.string(),
  integrity: z.string(),
  /** bytes, of the tarball and of what is in it */
  size: z.number(),
  unpackedSize: z.number(),
  files: z.array(z.object({ path: z.string(), mode: z.number() })),
});

export interface PackedPackage extends z.infer<typeof packed> {
  readonly tarball: string;
}

const entry = z.looseObject({ dev: z.boolean().optional() });
const lock = z.object({ lockfileVersion: z.number(), packages: z.record(z.string(), entry) });

/** `npm` in an environment that does not point to this repository, on the Node.js that runs the tests. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|config_local_prefix|node_execpath)|UNSTALE_|INIT_CWD)/i.test(name),
  );
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path };
}

/** What `npm publish` would send. The package has to be built. */
export async function packPackage(): Promise<PackedPackage> {
  const directory = await temporaryDirectory('packed');
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const { stdout } = await run('npm', args, { cwd: repositoryPath('.'), env: npmEnvironment() });
  const [one] = z.tuple([packed]).parse(JSON.parse(stdout));
  return { ...one, tarball: join(directory, one.filename) };
}

/** An application that has installed the tarball, without what only a development needs. */
export interface InstalledPackage {
  readonly directory: string;
  /** `npx unstale …`, from the installed package and nowhere else. @throws Error when it fails. */
  npx(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Runs a program in the application's directory. @throws Error with its output when it fails. */
  run(program: string, args: readonly string[]): Promise<string>;
}

/**
 * Installs the tarball with the versions of this repository's lock file, so that a release of some dependency changes no
 * test. What npm has in its cache, as after `npm ci` here, it does not ask the registry for.
 */
export async function installPackage(from: PackedPackage): Promise<InstalledPackage> {
  const directory = join(await temporaryDirectory('installed'), 'app');
  await mkdir(directory);
  const resolved = `file:${from.tarball}`;
  const { lockfileVersion, packages } = lock.parse(
    JSON.parse(await readFile(repositoryPath('package-lock.json'), 'utf8')),
  );
  const { '': root, ...others } = packages;
  const production = Object.entries(others).filter(([, { dev }]) => dev !== true);
  const { devDependencies: _, ...unstale } = root ?? {};
  const manifest = {
    name: 'app',
    version: '1.0.0',
    private: true,
    type: 'module',
    dependencies: { unstale: resolved },
  };
  const locked = {
    name: 'app',
    version: '1.0.0',
    lockfileVersion,
    requires: true,
    packages: {
      '': manifest,
      'node_modules/unstale': { ...unstale, resolved, integrity: from.integrity },
      ...Object.fromEntries(production),
    },
  };
  await writeFile(join(directory, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(directory, 'package-lock.json'), JSON.stringify(locked));
  const call = async (
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const options = { cwd: directory, env: { ...npmEnvironment(), ...env }, timeout: 60_000 };
    try {
      return (await run(program, args, options)).stdout;
    } catch (error) {
      const { stdout, stderr } = z.object({ stdout: z.string(), stderr: z.string() }).parse(error);
      throw new Error(`${program} ${args.join(' ')} fails\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  await call('npm', ['ci', '--prefer-offline', '--omit=dev', '--no-audit', '--no-fund']);
  return {
    directory,
    npx: (args, env) => call('npx', ['--no', '--', 'unstale', ...args], env),
    run: (program, args) => call(program, args),
  };
}
