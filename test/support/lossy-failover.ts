import { Redis } from 'ioredis';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { eventually } from './eventually.ts';

export interface LossyFailover {
  /** What the master acknowledges during this is lost. */
  readonly meanwhile: () => Promise<void>;
  /** Called with a client of the replica before anybody else uses it, when the master is gone. */
  readonly inspect: (replica: Redis) => Promise<void>;
}

/**
 * Has the replica take over that lacks the last things that the master acknowledged; the old master comes back as
 * a replica.
 * @throws Error when nothing was lost
 */
export async function failOverWithLoss(
  redis: RedisSentinels,
  { meanwhile, inspect }: LossyFailover,
): Promise<void> {
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
  const after = new Redis(replica.url);
  try {
    if ((await after.exists(witness)) === 0)
      throw new Error('nothing is lost: the replica knows of the last delete');
    await inspect(after);
  } finally {
    after.disconnect();
  }
  await redis.killMaster().catch(() => undefined);
  await eventually('the replica leads', async () => (await redis.master()) === replica, Boolean, {
    timeoutMs: 30_000,
  });
  await master.start(['--replicaof', '127.0.0.1', String(replica.port)]);
}
