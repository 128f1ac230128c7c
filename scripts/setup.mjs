// Installs what the npm scripts need and is missing: npm packages and throwaway database servers.
//
//   node scripts/setup.mjs             packages, every server that the tests run against, Chromium and promtool
//   node scripts/setup.mjs --demo      packages, Redis and one of MySQL and MariaDB
//   node scripts/setup.mjs --packages  packages only
//
// Runs on a fresh clone: plain JavaScript, no dependencies, Node 20 or newer. Silent when nothing is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  cacheDirectory,
  findBrowser,
  findMariadbd,
  findMysqld,
  findProgram,
  findPromtool,
  findRedisServer,
  mysqlRoot,
  ownPromtool,
} from './servers/where.mjs';

const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const mode = process.argv[2] ?? '--tests';
const sidPackages = ['mysql-server-core', 'mysql-client-core', 'redis-server', 'valkey-server'];
const instead =
  'start Docker, or set UNSTALE_TEST_MYSQL_URL and UNSTALE_TEST_REDIS_URL to servers that may be written to';

class SetupError extends Error {}

try {
  if (!['--tests', '--demo', '--packages'].includes(mode)) {
    throw new SetupError(`unknown argument ${mode}; give --demo, --packages or nothing`);
  }
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}

function main() {
  const packages = packagesAreMissing();
  const servers = mode === '--packages' ? [] : missingServers();
  const tools = mode === '--tests' ? missingTools() : [];
  if (!packages && servers.length + tools.length === 0) return;
  if (rerunUnderLock()) return;
  if (packages) installPackages();
  if (servers.length > 0) installServers(servers);
  if (tools.length > 0) installTools(tools);
}

/** Lets one setup run at a time: runs this script again under flock(1), whose lock dies with its holder. */
function rerunUnderLock() {
  if (process.env.UNSTALE_SETUP_LOCKED === '1' || findProgram('flock') === undefined) return false;
  const lock = join(cacheDirectory(), 'setup.lock');
  try {
    mkdirSync(cacheDirectory(), { recursive: true });
  } catch {
    return false;
  }
  const command = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const result = spawnSync('flock', [lock, ...command], {
    stdio: 'inherit',
    env: { ...process.env, UNSTALE_SETUP_LOCKED: '1' },
  });
  process.exitCode = result.status ?? 1;
  return true;
}

// npm packages

/** Compares what npm recorded in node_modules with the lock file; times say nothing after a git checkout. */
function packagesAreMissing() {
  const wanted = lockedPackages('package-lock.json');
  const present = lockedPackages('node_modules/.package-lock.json');
  if (wanted === undefined) throw new SetupError('package-lock.json is missing or not JSON');
  // Without its install script the package "node" has no binary.
  if (present === undefined || !existsSync(join(repository, 'node_modules/node/bin/node'))) return true;
  return [...Object.keys(wanted), ...Object.keys(present)].some((name) => {
    const [locked, installed] = [wanted[name], present[name]];
    // Optional packages are those of other platforms.
    if (locked === undefined || installed === undefined)
      return name !== '' && !(locked ?? installed).optional;
    return locked.version !== installed.version || locked.integrity !== installed.integrity;
  });
}

function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(join(repository, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function installPackages() {
  say('installing npm packages (npm ci)');
  // npm replaces node_modules while it runs, so it must not run on the node that is installed there.
  const path = (process.env.PATH ?? '').split(delimiter);
  const outside = path.filter((entry) => !entry.endsWith(join('node_modules', '.bin')));
  const env = { ...process.env, PATH: outside.join(delimiter) };
  const options = { cwd: repository, env };
  const flags = ['--no-audit', '--no-fund', '--include=dev'];
  try {
    run(['npm', 'ci', ...flags], options);
  } catch (error) {
    if (!(error instanceof SetupError && error.output?.includes('EUSAGE'))) throw error;
    // A registry without the binaries of other platforms leaves them out of a lock file that is written there;
    // npm ci then refuses the file, npm install takes from it what is in it.
    say('the lock file is incomplete, running npm install --no-save instead');
    run(['npm', 'install', '--no-save', ...flags], options);
  }
  if (packagesAreMissing()) {
    throw new SetupError(
      'npm left packages out; are install scripts allowed (npm config get ignore-scripts)?',
    );
  }
}

// Servers

/** Names of the missing servers and tools, none if the tests get theirs from elsewhere. */
function missingServers() {
  const givenMysql = (process.env.UNSTALE_TEST_MYSQL_URL ?? '') !== '';
  const givenRedis = (process.env.UNSTALE_TEST_REDIS_URL ?? '') !== '';
  const missing = [];
  const mariadb = findMariadbd() !== undefined;
  const mysql = findMysqld() !== undefined;
  if (mode === '--demo') {
    if (!mariadb && !mysql) missing.push('MariaDB');
  } else if (!givenMysql) {
    if (!mariadb) missing.push('MariaDB');
    if (!mysql) missing.push('MySQL');
  }
  if ((mode === '--demo' || !givenRedis) && findRedisServer() === undefined) missing.push('Redis');
  // Tests make certificates with it.
  if (mode === '--tests' && findProgram('openssl') === undefined) missing.push('OpenSSL');
  if (mode === '--tests' && missing.length > 0 && dockerAnswers()) return [];
  return missing;
}

function dockerAnswers() {
  const { status } = spawnSync('docker', ['info'], {
    stdio: 'ignore',
    timeout: 5_000,
    killSignal: 'SIGKILL',
  });
  return status === 0;
}

function installServers(servers) {
  const byApt = servers.filter((server) => server !== 'MySQL');
  if (byApt.length > 0) {
    say(`installing ${byApt.join(' and ')} (apt-get)`);
    // Packages without a service: the core packages only hold the programs, and so does redis-tools, in which
    // the server's binary is called redis-check-rdb.
    const packages = {
      MariaDB: ['mariadb-server-core', 'mariadb-client-core'],
      Redis: ['redis-tools'],
      OpenSSL: ['openssl'],
    };
    aptInstall(byApt.flatMap((server) => packages[server]));
  }
  if (!servers.includes('MySQL')) return;
  try {
    buildMysqlRoot();
  } catch (error) {
    // sid is a moving target: with MariaDB at hand the suite is worth running, and it prints what it runs on.
    const enough = findMariadbd() !== undefined && process.env.CI !== 'true';
    if (!(error instanceof SetupError) || !enough) throw error;
    say(`WARNING: going on without MySQL, on MariaDB alone: ${error.message}`);
  }
}

// Tools

/** Names of the missing tools of single tests. No container brings them. */
function missingTools() {
  const missing = [];
  if (findBrowser() === undefined) missing.push('Chromium');
  if (findPromtool() === undefined) missing.push('promtool');
  return missing;
}

function installTools(tools) {
  say(`installing ${tools.join(' and ')} (apt-get)`);
  for (const tool of tools) {
    try {
      if (tool === 'promtool') installPromtool();
      else aptInstall(['chromium']);
    } catch (error) {
      if (!(error instanceof SetupError) || process.env.CI === 'true') throw error;
      say(`WARNING: going on without ${tool}, whose tests are skipped: ${error.message}`);
    }
  }
}

/** Takes the one program out of Debian's package, which installed would start a server. */
function installPromtool() {
  const directory = `${ownPromtool()}.unpacking`;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const options = { cwd: directory };
  const download = ['apt-get', 'download', '--quiet', 'prometheus'];
  if (spawnSync(download[0], download.slice(1), { ...options, stdio: 'ignore' }).status !== 0) {
    const update = ['apt-get', '-o', 'DPkg::Lock::Timeout=300', 'update'];
    spawnSync('env', [...asRoot(update), ...update], { stdio: 'ignore' });
    run(download, options);
  }
  run(['sh', '-c', 'dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool'], options);
  renameSync(join(directory, 'usr/bin/promtool'), ownPromtool());
  rmSync(directory, { recursive: true });
}

function aptInstall(packages) {
  const install = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...packages];
  if (findProgram('apt-get') === undefined) {
    throw new SetupError(`there is no apt-get to install ${packages.join(' ')} with; ${instead}`);
  }
  const prefix = [...asRoot(install), 'env', 'DEBIAN_FRONTEND=noninteractive'];
  const [, ...args] = install;
  const apt = [...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=300'];
  if (spawnSync(apt[0], [...apt.slice(1), ...args], { stdio: 'ignore' }).status === 0) return;
  // Package lists may be absent or outdated. A broken third-party source fails the update, but not the install.
  spawnSync(apt[0], [...apt.slice(1), 'update'], { stdio: 'ignore' });
  run([...apt, ...args]);
}

/** What to put before a command that needs root. `command` is named in the error if there is no way. */
function asRoot(command) {
  if (process.getuid?.() === 0) return [];
  if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0) return ['sudo', '-n'];
  throw new SetupError(
    `not root and no sudo without password; run: sudo ${command.join(' ')}; or ${instead}`,
  );
}

/** Debian stable has no MySQL, sid has: a sid root in the cache directory, complete or not there at all. */
function buildMysqlRoot() {
  const target = mysqlRoot();
  if (findProgram('debootstrap') === undefined) aptInstall(['debootstrap', 'debian-archive-keyring', 'gpgv']);
  const mirrors = debianMirrors();
  if (mirrors.length === 0) {
    throw new SetupError(
      `MySQL comes from Debian sid, and no apt source here is a Debian mirror; ${instead}`,
    );
  }
  mkdirSync(dirname(target), { recursive: true });
  const building = `${target}.building`;
  const debootstrap = [
    findProgram('debootstrap') ?? 'debootstrap',
    '--variant=minbase',
    `--include=${sidPackages.join(',')}`,
    'sid',
  ];
  const prefix = asRoot([...debootstrap, target, mirrors[0]]);
  say(`building a Debian sid root with MySQL, Redis 8 and Valkey in ${target} (about a minute)`);
  const proxy = aptProxy();
  const failures = [];
  for (const mirror of mirrors) {
    removeHalfMade(prefix, building);
    try {
      const environment = proxy === '' ? [] : [`http_proxy=${proxy}`];
      run([...prefix, 'env', ...environment, ...debootstrap, building, mirror]);
      // Nothing is ever installed there again: 150 MB less.
      for (const unneeded of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man']) {
        run([...prefix, 'rm', '-rf', '--one-file-system', join(building, unneeded)]);
      }
      // The servers run as the user of the tests, so the root has to be readable.
      run([...prefix, 'chmod', 'a+rX', building]);
      renameSync(building, target);
      return;
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      failures.push(error.message);
    }
  }
  removeHalfMade(prefix, building);
  throw new SetupError(`MySQL could not be installed; ${instead}\n${failures.join('\n')}`);
}

/** Never crosses into what an interrupted debootstrap may have left mounted. */
function removeHalfMade(prefix, directory) {
  if (!existsSync(directory)) return;
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const mountPoint = line.split(' ')[1];
    if (mountPoint?.startsWith(`${directory}/`)) run([...prefix, 'umount', '--lazy', mountPoint]);
  }
  run([...prefix, 'rm', '-rf', '--one-file-system', directory]);
}

/** The main Debian mirrors among the machine's apt sources, the likeliest first. */
function debianMirrors() {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const targets = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const mirrors = new Set();
  for (const line of (targets.stdout ?? '').split('\n')) {
    const [uri = '', release, component] = line.split(' ');
    const main = component === 'main' && [codename, 'stable', 'testing', 'unstable', 'sid'].includes(release);
    if (main) mirrors.add(resolveMirrorList(uri).replace(/\/+$/, ''));
  }
  return [...mirrors].filter((uri) => /^https?:.*\bdebian$/.test(uri));
}

/** `mirror+file:/path` names a file of mirrors, as Debian's cloud images have it. */
function resolveMirrorList(uri) {
  const file = /^mirror\+file:(\/.*?)\/*$/.exec(uri)?.[1];
  if (file === undefined || !existsSync(file)) return uri;
  const entries = readFileSync(file, 'utf8').split('\n');
  return entries.find((line) => /^https?:/.test(line))?.split(/\s/)[0] ?? uri;
}

function aptProxy() {
  if ((process.env.http_proxy ?? '') !== '') return process.env.http_proxy;
  const config = spawnSync('apt-config', ['dump', '--format', '%v', 'Acquire::http::Proxy'], {
    encoding: 'utf8',
  });
  return (config.stdout ?? '').trim();
}

// Commands

function run(command, options = {}) {
  const [program, ...args] = command;
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;
  const lines = output.trimEnd().split('\n');
  // The cause stands first with npm, last with apt and debootstrap.
  const excerpt = lines.length <= 30 ? lines : [...lines.slice(0, 15), '...', ...lines.slice(-15)];
  const summary = `failed: ${[basename(program), ...args].join(' ')}\n  ${excerpt.join('\n  ')}`;
  throw Object.assign(new SetupError(summary), { output });
}

function say(line) {
  process.stdout.write(`setup: ${line}\n`);
}
