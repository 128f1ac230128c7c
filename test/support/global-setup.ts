import type { TestProject } from 'vitest/node';

import type { MysqlFlavour } from '../../scripts/servers/installed.ts';
import { startSharedServers } from './provider.ts';
import type { SharedServers } from './provider.ts';

/** A running server of the whole test run: plain data, because tests run in other processes. */
export interface ProvidedMysql {
  /** For test titles, e.g. `mysql 9.7.4-2`. */
  readonly label: string;
  readonly flavour: MysqlFlavour;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly rootUrl: string;
}

export interface ProvidedRedis {
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
}

export interface ProvidedServers {
  readonly mysql: readonly ProvidedMysql[];
  readonly redis: ProvidedRedis;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Tests share these and never stop or reconfigure them; see `startMysqlServer` for a server of one's own. */
    servers: ProvidedServers;
  }
}

interface Shared {
  readonly servers: Promise<SharedServers>;
  users: number;
}

// Each vitest project loads this file anew, in the same process.
const key = Symbol.for('unstale.test.servers');
const registry = globalThis as typeof globalThis & { [key]?: Shared | undefined };

/** Starts the servers for the first project that needs them, and ends them after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const isFirst = registry[key] === undefined;
  const shared = (registry[key] ??= { servers: startSharedServers(), users: 0 });
  shared.users += 1;
  const { mysql, redis, summary } = await shared.servers;
  if (isFirst) console.log(`test servers: ${summary}`);
  project.provide('servers', {
    mysql: mysql.map(({ flavour, version, host, port, rootUrl }) => {
      return { label: `${flavour} ${version}`, flavour, version, host, port, rootUrl };
    }),
    redis: { version: redis.version, host: redis.host, port: redis.port, url: redis.url },
  });
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    registry[key] = undefined;
    await Promise.all([...mysql, redis].map(async (server) => server.destroy()));
  };
}
