import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../scripts/servers/free-port.ts';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { canConfine, startConfined } from '../support/confined-process.ts';
import { commandOf, parseDockerfile } from '../support/dockerfile.ts';
import { eventually } from '../support/eventually.ts';
import { installPackage, packPackage } from '../support/packed-package.ts';
import type { InstalledPackage, PackedPackage } from '../support/packed-package.ts';
import { readRepository, repositoryFiles, repositoryPath } from '../support/repository.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

/** What the package holds, and nothing else. The hints of errors name the documents, the version fits deploy/. */
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^dist\/.+\.(js|lua|html|css|svg)$/,
  /^dist\/(change|duration|protocol|reader)\/.+\.d\.ts$/,
  /^config\/[\w.-]+\.(yaml|json)$/,
  /^docs\/[\w-]+\.(md|json)$/,
  /^deploy\/.+\.(yaml|yml|json|service|socket)$/,
];
/** bytes; a picture or a bundle that slips in is more than that. */
const MOST_PACKED = 1_500_000;

let shop: Shop;
let packed: PackedPackage;
let app: InstalledPackage;

beforeAll(async () => {
  const [server] = inject('servers').mysql;
  if (server === undefined) throw new Error('no MySQL or MariaDB');
  packed = await packPackage();
  [shop, app] = await Promise.all([openShop(server, inject('servers').redis.url), installPackage(packed)]);
  console.log(
    `${packed.filename}: ${packed.size} bytes, ${packed.files.length} files of ${packed.unpackedSize} bytes`,
  );
});

afterAll(() => shop.close());

describe('the packed package', () => {
  const paths = (): string[] => packed.files.map(({ path }) => path);

  it('holds what is needed and nothing else', () => {
    expect(paths().filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))).toEqual([]);
    expect(paths().filter((path) => /\.test\.[jt]s$|\.map$|(^|\/)\./.test(path))).toEqual([]);
    expect(packed.size).toBeLessThan(MOST_PACKED);
  });

  it('has every compiled source, and every file that sources read while they run', () => {
    const sources = repositoryFiles('src/**/*.*').filter(
      (name) => !/\.(test|d)\.ts$|tsconfig\.json$/.test(name),
    );
    const wanted = sources.map((name) => name.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
    expect(wanted.some((name) => name.endsWith('.lua'))).toBe(true);
    expect(wanted.filter((name) => !paths().includes(name))).toEqual([]);
  });
});

describe('npx unstale, installed from the tarball', () => {
  it('tells its version', async () => {
    expect((await app.npx(['--version'])).trim()).toBe(packed.version);
  });

  it('writes a configuration that its check accepts', async () => {
    const url = new URL(shop.db.url);
    const env = { MYSQL_PASSWORD: decodeURIComponent(url.password) };
    url.password = '';
    const redis = inject('servers').redis.url;
    await app.npx(['init', '--source', url.href, '--redis', redis, '--schema', shop.db.name], env);
    const set = ['--set', `state.database=${shop.db.stateDatabase}`];
    expect(await app.npx(['check', ...set], env)).toContain('Redis: ok');
  });
});

describe('unstale/reader, installed from the tarball', () => {
  it('is all that can be imported', async () => {
    const script = `
      const { createReader } = await import('unstale/reader');
      const inner = await import('unstale/dist/daemon.js').catch((error) => error.code);
      console.log(typeof createReader, inner);`;
    const printed = await app.run(process.execPath, ['--input-type=module', '-e', script]);
    expect(printed.trim()).toBe('function ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('has types that a strict program compiles with', async () => {
    await writeFile(
      join(app.directory, 'app.ts'),
      `import { createReader, fromIoredis } from 'unstale/reader';
       import type { Reader } from 'unstale/reader';
       declare const client: Parameters<typeof fromIoredis>[0];
       const reader: Reader = createReader({ redis: fromIoredis(client), source: 'primary', ttl: '10m' });
       const user: Promise<{ readonly id: number } | undefined> = reader.get('user:1', async () => ({ id: 1 }));
       // @ts-expect-error a duration has a unit
       createReader({ redis: fromIoredis(client), source: 'primary', ttl: '10' });
       await user;`,
    );
    const tsc = repositoryPath('node_modules/typescript/bin/tsc');
    const types = ['--typeRoots', repositoryPath('node_modules/@types'), '--types', 'node'];
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', ...types];
    await app.run(process.execPath, [tsc, ...flags, 'app.ts']);
  });
});

describe('the image, as far as it can be tried without an engine', () => {
  it.skipIf(!canConfine())(
    'drains as process 1 of a user without rights, with nothing that it could write to',
    async () => {
      const instructions = parseDockerfile(await readRepository('Dockerfile'));
      const port = await freePort();
      const config = await temporaryDirectory('confined');
      await mkdir(config, { recursive: true });
      await writeFile(
        join(config, 'unstale.yaml'),
        stringify({ ...shop.config(), admin: { listen: `127.0.0.1:${port}` } }),
      );
      const inside = (word: string): string =>
        word
          .replace(/^node$/, '/mnt/node')
          .replace('/opt/unstale/', '/mnt/app/node_modules/unstale/')
          .replace('/etc/unstale', '/mnt/etc');
      const command = [...commandOf(instructions, 'ENTRYPOINT'), ...commandOf(instructions, 'CMD')].map(
        inside,
      );
      const daemon = startConfined({
        mounts: { app: app.directory, etc: config, node: await realpath(process.execPath) },
        env: { NODE_ENV: 'production' },
        command,
        uid: 1000,
      });
      const [program = '', ...healthCheck] = commandOf(instructions, 'HEALTHCHECK');
      expect(program).toBe('node');
      const health = (): Promise<string> =>
        promisify(execFile)(process.execPath, healthCheck, {
          env: { HEALTH_URL: `http://127.0.0.1:${port}/livez` },
        }).then(
          () => 'healthy',
          () => 'unhealthy',
        );
      try {
        expect(await health()).toBe('unhealthy');
        await eventually(
          `/readyz answers 200\n${daemon.output()}`,
          async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status,
          (status) => status === 200,
          { timeoutMs: 20_000 },
        );
        expect(await health()).toBe('healthy');
        await shop.cache('user:1');
        await shop.db.query('INSERT INTO users (id) VALUES (1)');
        await eventually(
          'the key is gone',
          () => shop.cached(['user:1']),
          (left) => left.length === 0,
        );
      } catch (error) {
        throw new Error(daemon.output(), { cause: error });
      } finally {
        await daemon.signal('SIGTERM');
      }
      expect(await daemon.exited).toBe(0);
      expect(daemon.output()).not.toMatch(/EROFS|EACCES|read-only file system/i);
      const table = `${shop.db.stateDatabase}.positions`;
      expect(await shop.db.query(`SELECT client_id FROM ${table}`)).toHaveLength(1);
      expect(await health()).toBe('unhealthy');
    },
  );
});
