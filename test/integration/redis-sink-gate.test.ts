import { EventEmitter, once } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { WriteGate } from '../../src/pipeline/ports.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyOnce,
  batchOf,
  deletesOf,
  durable,
  fill,
  numberedKeys,
  openSink,
  scopeOf,
  testClient,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

/** A gate that the test opens and closes. */
class TestGate implements WriteGate {
  /** Commands that may pass before it closes by itself. */
  left = 0;
  waiting = 0;
  readonly #events = new EventEmitter();

  isOpen(): boolean {
    this.left -= 1;
    return this.left >= 0;
  }

  async opened(signal: AbortSignal): Promise<void> {
    this.waiting += 1;
    await once(this.#events, 'open', { signal }).catch(() => undefined);
    this.waiting -= 1;
  }

  open(commands: number): void {
    this.left = commands;
    this.#events.emit('open');
  }
}

describe('a sink whose daemon is not certain to lead', () => {
  const port = Number(new URL(inject('servers').redis.url).port);
  const prefix = `gate-${process.pid}:`;
  let client: Redis;
  let gate: TestGate;
  let sink: TestSink;

  beforeEach(async () => {
    client = testClient(port);
    gate = new TestGate();
    sink = openSink({ port }, { gate, keysPerCommand: 10, scopeScanRate: Number.POSITIVE_INFINITY });
    await eventually('it is connected', () => sink.connection.isReachable());
  });
  afterEach(async () => {
    await sink.connection.close();
    await client.unlink(numberedKeys(50, prefix));
    client.disconnect();
  });
  const left = (): Promise<number> => client.exists(numberedKeys(50, prefix));

  it('sends nothing of a batch, and all of it when it is certain again', async () => {
    const keys = numberedKeys(50, prefix);
    await fill(client, keys);
    const applied = applyOnce(sink.sink, deletesOf(keys));
    await eventually('it waits', () => gate.waiting > 0);
    expect(await left()).toBe(50);
    gate.open(100);
    expect(await applied).toEqual(durable(50));
    expect(await left()).toBe(0);
  });

  it('stops in the middle of removing a scope, and goes on there', async () => {
    await fill(client, numberedKeys(50, prefix));
    // Who is there, pages of keys, and two commands with ten keys each at most.
    gate.left = 4;
    const applied = applyOnce(sink.sink, [scopeOf(`${prefix}*`)]);
    await eventually('it waits', () => gate.waiting > 0);
    expect(await left()).toBeGreaterThan(0);
    gate.open(1_000_000);
    expect(await applied).toEqual(durable(0, 50));
    expect(await left()).toBe(0);
  });

  it('gives up waiting with the pipeline, and has sent nothing', async () => {
    const keys = numberedKeys(50, prefix);
    await fill(client, keys);
    const ending = new AbortController();
    const applied = sink.sink.apply(batchOf(deletesOf(keys)), ending.signal);
    await eventually('it waits', () => gate.waiting > 0);
    ending.abort();
    expect((await applied).outcome).toBe('retryable');
    expect(await left()).toBe(50);
  });
});
