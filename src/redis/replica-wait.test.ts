import { expect, test } from 'vitest';

import { createReplicaWait } from './replica-wait.ts';

/** A connection whose WAIT is answered by the test. */
function waitFor(replicas: number) {
  const asked: { timeoutMs: number; reply: (found: number) => void }[] = [];
  const replicaWait = createReplicaWait({
    replicas,
    commandTimeout: 5_000,
    wait: (_, timeoutMs) => new Promise((reply) => asked.push({ timeoutMs, reply })),
  });
  return { ...replicaWait, asked };
}

test('asks for what was written, and not again for what replicas have', async () => {
  const { wrote, settle, asked } = waitFor(2);
  await settle();
  expect(asked).toHaveLength(0);
  wrote();
  const settled = settle();
  expect(asked.map(({ timeoutMs }) => timeoutMs)).toEqual([1_000]);
  asked[0]?.reply(2);
  await settled;
  await settle();
  expect(asked).toHaveLength(1);
});

test('too few replicas are an error that may pass, and are asked again', async () => {
  const { wrote, settle, asked } = waitFor(2);
  wrote();
  const settled = settle();
  asked[0]?.reply(1);
  await expect(settled).rejects.toMatchObject({ code: 'UNSTALE_REDIS_REPLICAS' });
  const again = settle();
  asked[1]?.reply(2);
  await again;
});

test('of two batches at once, neither counts on the answer to the other', async () => {
  const { wrote, settle, asked } = waitFor(1);
  wrote();
  const first = settle();
  wrote();
  const second = settle();
  asked[0]?.reply(1);
  await first;
  expect(asked).toHaveLength(2);
  asked[1]?.reply(0);
  await expect(second).rejects.toMatchObject({ code: 'UNSTALE_REDIS_REPLICAS' });
});

test('asks nothing where no replica is waited for', async () => {
  const { wrote, settle, asked } = waitFor(0);
  wrote();
  await settle();
  expect(asked).toHaveLength(0);
});
