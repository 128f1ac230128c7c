import { eventually } from './eventually.ts';
import { startRedisServer } from './provider.ts';
import type { TestRedisServer } from './provider.ts';
import { applicationClient } from './reader.ts';

/** A cluster whose one node has all slots: what clients of clusters take, and stop and start as one server. */
export async function startOneNodeCluster(): Promise<TestRedisServer> {
  const server = await startRedisServer({
    args: ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'],
  });
  const admin = applicationClient(server.port);
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await eventually('the cluster is up', async () =>
    (await admin.cluster('INFO')).includes('cluster_state:ok'),
  );
  admin.disconnect();
  return server;
}
