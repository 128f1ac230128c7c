import { globSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { commandOf, parseDockerfile } from '../support/dockerfile.ts';
import { isInRepository, readRepository, repositoryPath } from '../support/repository.ts';

const instructions = parseDockerfile(await readRepository('Dockerfile'));
const named = (name: string): string[] =>
  instructions.filter((one) => one.name === name).map(({ text }) => text);
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));

/** The last line of .dockerignore that fits decides, as Docker has it. */
const ignore = (await readRepository('.dockerignore')).split('\n').filter((row) => /^[^#\s]/.test(row));
function isIgnored(file: string): boolean {
  const decisive = ignore.findLast((row) => {
    const pattern = row.replace(/^!/, '');
    return matchesGlob(file, pattern) || file.startsWith(`${pattern}/`) || pattern === '*';
  });
  return decisive !== undefined && !decisive.startsWith('!');
}

/** What COPY takes from the repository: sources, without those of other stages. */
const copied = named('COPY')
  .filter((text) => !text.startsWith('--from='))
  .flatMap((text) => text.split(/\s+/).slice(0, -1));

describe('the Dockerfile', () => {
  it('runs on the version of Node.js that the tests run on', async () => {
    const { packages } = z
      .object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })
      .parse(JSON.parse(await readRepository('package-lock.json')));
    expect(named('ARG')).toContain(`NODE_IMAGE=node:${packages['node_modules/node']?.version}-bookworm-slim`);
    for (const from of named('FROM')) expect(from).toMatch(/^\$\{NODE_IMAGE\}( AS \w+)?$/);
  });

  it('ends as a user with a number, which is not that of root', () => {
    const users = lastStage.filter(({ name }) => name === 'USER');
    expect(users.map(({ text }) => text)).toEqual(['1000:1000']);
    const last = users[0]?.line ?? 0;
    // Nothing is made or copied as that user: what runs cannot change itself.
    expect(lastStage.filter(({ name, line }) => ['COPY', 'RUN'].includes(name) && line > last)).toEqual([]);
    expect(named('COPY').filter((text) => text.includes('--chown'))).toEqual([]);
  });

  it('starts node itself, so that signals arrive, with the flags that the program would set', async () => {
    const entry = commandOf(instructions, 'ENTRYPOINT');
    expect(entry[0]).toBe('node');
    expect(entry.at(-1)).toBe('/opt/unstale/dist/cli/unstale.js');
    expect(commandOf(instructions, 'CMD')).toEqual(['run', '-c', '/etc/unstale/unstale.yaml']);
    expect(named('STOPSIGNAL')).toEqual(['SIGTERM']);
    const sources = await Promise.all(
      globSync('src/**/*.ts', { cwd: repositoryPath('.') }).map((file) => readRepository(file)),
    );
    const set = sources.flatMap((text) =>
      [...text.matchAll(/'(--(?:semi-space|heap-growing|optimize-for)[\w=-]*)'/g)].map(([, flag]) => flag),
    );
    expect(new Set(entry.slice(1, -1))).toEqual(new Set(set));
  });

  it('asks for its health with what is in the image', () => {
    const [program, flag, script = ''] = commandOf(instructions, 'HEALTHCHECK');
    expect([program, flag]).toEqual(['node', '-e']);
    expect(script).toContain("'http://127.0.0.1:9630/livez'");
  });

  it('copies what exists and what .dockerignore lets through, and nothing else is let through', () => {
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) expect([source, isInRepository(source)]).toEqual([source, true]);
    expect(copied.filter((source) => isIgnored(source))).toEqual([]);
    const let_through = ignore.filter((row) => row.startsWith('!')).map((row) => row.slice(1));
    expect(let_through.filter((name) => !copied.includes(name))).toEqual([]);
    for (const secret of [
      '.env',
      '.git/config',
      'secrets/mysql-password',
      'node_modules/a/b.js',
      'dist/cli/unstale.js',
    ])
      expect([secret, isIgnored(secret)]).toEqual([secret, true]);
    expect(isIgnored('src/errors/catalog.test.ts')).toBe(true);
  });

  it('holds no secret', () => {
    const text = instructions.map((one) => one.text).join('\n');
    expect(text).not.toMatch(/password|token|secret/i);
    expect(named('ADD')).toEqual([]);
  });

  it('says what it is', () => {
    const labels = named('LABEL').join(' ');
    for (const name of ['title', 'description', 'version', 'licenses'])
      expect(labels).toContain(`org.opencontainers.image.${name}=`);
  });
});
