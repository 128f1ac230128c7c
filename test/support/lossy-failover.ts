import { Redis } from 'ioredis';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { eventually } from './eventually.ts';

/**
 * Has the replica take over that lacks all that the master acknowledged during `meanwhile`; the old master comes
 * back as a replica.
 * @throws Error when nothing was lost
 */
export async function failOverWithLoss(redis: RedisSentinels, meanwhile: () => Promise<void>): Promise<void> {
  const master = await redis.master();
  const replica = redis.servers.find((server) => server !== master)!;
  const witness = 'lossy-failover:witness';

  const before = new Redis(master.url);
  await before.set(witness, 'there');
  await before.wait(1, 5_000);
  replica.freeze();
  // Otherwise what comes would wait for the replica in its socket.
  await before.client('KILL', 'TYPE', 'REPLICA');
  await meanwhile();
  // The last of the deletes that are acknowledged and lost.
  await before.del(witness);
  before.disconnect();

  await master.kill();
  replica.thaw();
  await redis.killMaster().catch(() => undefined);
  await eventually('the replica leads', async () => (await redis.master()) === replica, Boolean, {
    timeoutMs: 30_000,
  });
  const after = new Redis(replica.url);
  const isBack = (await after.exists(witness)) === 1;
  after.disconnect();
  if (!isBack) throw new Error('the failover lost nothing: the new master knows of the last delete');
  await master.start(['--replicaof', '127.0.0.1', String(replica.port)]);
}
