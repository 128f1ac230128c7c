import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createSqlClient } from '../../src/runtime/mysql-client.ts';
import { sleep } from '../../src/runtime/sleep.ts';
import { Candidate } from '../../src/state/candidate.ts';
import type { HeldLease } from '../../src/state/held-lease.ts';
import { createLeaderLock } from '../../src/state/leader-lock.ts';
import { migrateState } from '../../src/state/migrate.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLog } from '../support/redis-sink.ts';

/** ms */
const TIMEOUT = 2000;

describe.each(inject('servers').mysql)('the lease of a client on $label', (server) => {
  let database: TestDatabase;
  const closers: (() => Promise<void>)[] = [];
  const never = new AbortController().signal;

  const open = (name: string, timeout = TIMEOUT): Candidate => {
    const { hostname: host, port } = new URL(database.url);
    const client = createSqlClient(
      { ...database.account, host, port: Number(port), sslMode: 'disabled', connectTimeout: 5000 },
      {
        name: 'state',
        queryTimeout: 5000,
        sessionSetup: [`SET SESSION wait_timeout = ${timeout / 1000}`],
        onLost: () => candidate.connectionLost(),
      },
    );
    const lock = createLeaderLock({ client, database: database.stateDatabase, clientId: 'shop' });
    const { log } = recordingLog();
    const candidate = new Candidate({
      lock,
      holder: `${name}:1`,
      adminAddress: () => `${name}:9630`,
      timeout,
      sleep,
      log,
    });
    closers.push(() => client.close());
    return candidate;
  };
  const claimed = async (candidate: Candidate): Promise<HeldLease> => {
    const lease = await candidate.claim();
    if (lease === undefined) throw new Error('another one leads');
    closers.push(() => lease.release());
    return lease;
  };
  const killHolder = async (): Promise<void> => {
    const [row] = await database.query('SELECT IS_USED_LOCK(?) AS holder', [
      `unstale:${database.stateDatabase}:shop`,
    ]);
    await database.query(`KILL ${Number(row?.['holder'])}`);
  };

  beforeEach(async () => {
    database = await createDatabase(server);
    const client = createSqlClient(
      {
        ...database.account,
        host: new URL(database.url).hostname,
        port: Number(new URL(database.url).port),
        sslMode: 'disabled',
        connectTimeout: 5000,
      },
      { name: 'state', queryTimeout: 5000 },
    );
    await migrateState({ client, database: database.stateDatabase, log: recordingLog().log });
    await client.close();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    await database.drop();
  });

  it('has one holder, who is named to the others, and goes on to the next under a higher number', async () => {
    const [one, other] = [open('one'), open('other')];
    const first = await claimed(one);
    expect(first.token).toBe(1);
    expect(first.isOpen()).toBe(true);
    expect(await other.claim()).toBeUndefined();
    expect(other.leader).toEqual({ holder: 'one:1', adminAddress: 'one:9630', token: 1 });

    const waiting = other.claim();
    await first.release();
    expect(first.isOpen()).toBe(false);
    const second = await waiting;
    expect(second?.token).toBe(2);
    await second?.release();
  });

  it('is kept by its holder for as long as it asks, and never taken for longer than the server waits', async () => {
    const lease = await claimed(open('one'));
    const other = open('other');
    for (let round = 1; round <= 3; round += 1) expect(await other.claim()).toBeUndefined();
    expect(lease.isOpen()).toBe(true);
    expect(lease.left()).toBeLessThanOrEqual(TIMEOUT * 0.9);
    expect(await lease.confirm(never)).toBe(true);
  });

  it('ends at once with its connection, and is taken up again if nobody has led in between', async () => {
    const lease = await claimed(open('one', 60_000));
    await killHolder();
    await eventually('nothing is sent', () => !lease.isOpen(), Boolean, { intervalMs: 1 });
    await lease.opened(never);
    expect(lease.isOpen()).toBe(true);
    // As after a failover of the server to a replica that was behind.
    await database.query(`DELETE FROM ${database.stateDatabase}.leases`);
    await killHolder();
    await eventually('nothing is sent', () => !lease.isOpen(), Boolean, { intervalMs: 1 });
    expect(await lease.confirm(never)).toBe(true);
    const [row] = await database.query(`SELECT fencing_token, holder FROM ${database.stateDatabase}.leases`);
    expect({ ...row, fencing_token: Number(row?.['fencing_token']) }).toEqual({
      fencing_token: 1,
      holder: 'one:1',
    });
  });

  it('is lost for good when another one was faster', async () => {
    const lease = await claimed(open('one', 60_000));
    const other = open('other');
    const waiting = other.claim();
    await eventually(
      'the other one waits',
      async () =>
        (
          await database.query(
            "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT GET_LOCK%'",
          )
        ).length,
    );
    await killHolder();
    const next = (await waiting) ?? (await claimed(other));
    const error = await lease.lost;
    expect(error.code).toBe('UNSTALE_LEASE_LOST');
    expect(error.message).toContain('other:1 has led since');
    expect(lease.isOpen()).toBe(false);
    expect(await lease.confirm(never)).toBe(false);
    expect(next.isOpen()).toBe(true);
    await next.release();
  });
});
