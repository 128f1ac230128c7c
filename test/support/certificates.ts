import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import type { RedisServerTls } from '../../scripts/servers/redis-server.ts';

const run = promisify(execFile);

export interface Certificates {
  /** Holds the files, see `authority` and `certificate`. */
  readonly directory: string;
  /** Of the authority `ca`, which has signed the certificates. */
  readonly ca: string;
  /** Of one that has signed none. */
  readonly otherCa: string;
}

/** Two authorities, and certificates of the first one: their names, with the subject alternative names of each. */
export async function createCertificates(altNames: Readonly<Record<string, string>>): Promise<Certificates> {
  const directory = await temporaryDirectory('tls');
  await authority(directory, 'ca');
  await authority(directory, 'other');
  for (const [name, names] of Object.entries(altNames)) await certificate(directory, name, names);
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  return { directory, ca: await read('ca.pem'), otherCa: await read('other.pem') };
}

/** What a server needs to be talked to by TLS only: files of `authority` and `certificate`. */
export function tlsOf(directory: string, name: string): RedisServerTls {
  const file = (base: string): string => join(directory, base);
  return { ca: file('ca.pem'), cert: file(`${name}.pem`), key: file(`${name}.key`) };
}

/** A self-signed authority: `name.pem` and `name.key`. */
async function authority(directory: string, name: string): Promise<void> {
  const subject = ['-subj', `/CN=unstale test ${name}`, '-days', '2'];
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.pem`)];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files]);
}

/** A certificate of the authority `ca` for the subject alternative names: `name.pem` and `name.key`. */
export async function certificate(directory: string, name: string, altNames: string): Promise<void> {
  const file = (suffix: string): string => join(directory, `${name}.${suffix}`);
  const subject = ['-subj', `/CN=${name}`];
  await run('openssl', [
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    ...subject,
    '-keyout',
    file('key'),
    '-out',
    file('csr'),
  ]);
  await writeFile(file('ext'), `subjectAltName=${altNames}\n`);
  const issuer = ['-CA', join(directory, 'ca.pem'), '-CAkey', join(directory, 'ca.key'), '-CAcreateserial'];
  await run('openssl', [
    'x509',
    '-req',
    '-in',
    file('csr'),
    ...issuer,
    '-days',
    '2',
    '-extfile',
    file('ext'),
    '-out',
    file('pem'),
  ]);
}
