import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import { askInfo, requireMaster } from './ask-info.ts';
import { endpointOf } from './client.ts';
import type { RedisConnectionOptions, ServerOptions } from './client.ts';
import { createCommands } from './commands.ts';
import type { RedisConnection } from './connection.ts';
import { datasetOf, FailoverWatch, formatDataset } from './failover-watch.ts';
import { openLink } from './link.ts';
import { classifyRedisError } from './replies.ts';
import { createReplicaWait, requireSameSessions } from './replica-wait.ts';
import { createSentinels } from './sentinels.ts';
import type { RedisServerInfo } from './server-info.ts';
import { probeRights } from './write-probe.ts';

/** There is one master, whoever has the part. */
const PLACE = 'master';

/** A connection to one server, or to the one that sentinels name. Starts connecting and returns at once. */
export function connectNode(options: RedisConnectionOptions, log: Log): RedisConnection {
  const { sentinel, waitReplicas = 0, waitTimeout = 1_000 } = options;
  const endpoint = sentinel === undefined ? endpointOf(options) : `${sentinel.name}/${options.db}`;
  const watch = new FailoverWatch();
  const sentinels =
    sentinel === undefined
      ? undefined
      : createSentinels(options, sentinel, {
          onMaster: ({ host, port }) => {
            const server = link.server();
            if (server === undefined || (server.host === host && server.port === port)) return;
            link.renew(
              new UnstaleError('UNSTALE_REDIS_READONLY', `sentinels name another master: ${host}:${port}`),
            );
          },
        });
  const locate = async (): Promise<ServerOptions> =>
    sentinels === undefined ? options : { ...options, ...(await sentinels.master()) };

  const link = openLink({
    endpoint,
    locate,
    async admit(client, server) {
      const info = await askInfo(client);
      requireMaster(info, endpointOf(server));
      requireNoCluster(info);
      watch.saw({ place: PLACE, node: addressOf(server), dataset: datasetOf(info) }, { session: true });
    },
    log,
  });
  const settle = createReplicaWait(link, endpoint, { replicas: waitReplicas, timeout: waitTimeout });

  const connection: RedisConnection = {
    ...createCommands((send) => link.command(send)),
    isReachable: () => link.isReachable(),
    sessions: () => link.sessions(),
    checkReady: (timeoutMs) => link.checkReady(timeoutMs),
    info: () => link.command(askInfo),
    async probe(sample) {
      const server = await locate().catch((error: unknown) => {
        throw classifyRedisError(error);
      });
      return probeRights(server, sample, { waits: waitReplicas > 0 });
    },
    async settle(since) {
      if (waitReplicas === 0) return;
      requireSameSessions(since, link.sessions());
      await settle();
      requireSameSessions(since, link.sessions());
    },
    onDatasetChange: (listener) => watch.onChange(listener),
    async identity() {
      const session = link.sessions();
      const info = await link.command(askInfo);
      const server = link.server();
      requireMaster(info, endpoint);
      const dataset = datasetOf(info);
      if (server !== undefined && session === link.sessions() && link.isReachable()) {
        watch.saw({ place: PLACE, node: addressOf(server), dataset }, { session: false });
      }
      return dataset === undefined ? undefined : formatDataset(dataset);
    },
    nodes: () => [connection],
    arrivals: async () => ({ revision: 0, slots: [] }),
    scanSlot: async () => [],
    async close() {
      await Promise.all([link.close(), sentinels?.close()]);
    },
  };
  return connection;
}

function addressOf({ host, port, socketPath }: ServerOptions): string {
  return socketPath ?? `${host}:${port}`;
}

function requireNoCluster(info: RedisServerInfo | undefined): void {
  if (info?.isCluster !== true) return;
  throw new UnstaleError(
    'UNSTALE_REDIS_MODE',
    'Redis is a node of a cluster, and serves only a part of the keys',
  );
}
