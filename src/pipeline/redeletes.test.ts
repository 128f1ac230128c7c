import { describe, expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import { Redeletes } from './redeletes.ts';

const commandOf = (key: string, rule = 'rules[0]'): CacheCommand => ({ kind: 'delete', key, rule });

/** Repetitions whose clock goes from the end of one sleep to the next. */
function redeletesOf({ accept = true }: { accept?: boolean } = {}) {
  const stop = new AbortController();
  const sent: { readonly at: number; readonly keys: readonly string[] }[] = [];
  let now = 0;
  const redeletes = new Redeletes({
    delays: new Map([
      ['rules[0]', [500, 5000]],
      ['rules[1]', [1000]],
    ]),
    send: (commands) => {
      sent.push({ at: now, keys: commands.map((c) => (c.kind === 'scope' ? c.pattern : c.key)) });
      return Promise.resolve(accept);
    },
    signal: stop.signal,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
    now: () => now,
  });
  return { redeletes, sent, stop };
}

describe('deletes that are repeated', () => {
  it('go again after each delay of their rule, and are done behind the last', async () => {
    const { redeletes, sent } = redeletesOf();
    const done = redeletes.repeat(
      [commandOf('a'), commandOf('b', 'rules[1]'), commandOf('c', 'x')],
      undefined,
    );
    expect(redeletes.waiting).toBe(2);
    expect(await done).toBe(true);
    expect(sent).toEqual([
      { at: 500, keys: ['a'] },
      { at: 1000, keys: ['b'] },
      { at: 5000, keys: ['a'] },
    ]);
    expect(redeletes.waiting).toBe(0);
  });

  it('are none where no rule wants it', () => {
    expect(redeletesOf().redeletes.repeat([commandOf('a', 'x')], undefined)).toBeUndefined();
  });

  it('wait for the first delete, and come to nothing if that was given up', async () => {
    const { redeletes, sent } = redeletesOf();
    expect(await redeletes.repeat([commandOf('a')], Promise.resolve(false))).toBe(false);
    expect(sent).toEqual([]);
  });

  it('are not done when one was given up, or at a stop', async () => {
    expect(await redeletesOf({ accept: false }).redeletes.repeat([commandOf('a')], undefined)).toBe(false);
    const { redeletes, stop, sent } = redeletesOf();
    stop.abort();
    expect(await redeletes.repeat([commandOf('a')], undefined)).toBe(false);
    expect(await redeletes.room()).toBe(false);
    expect(sent).toEqual([]);
  });

  it('leave no room for more than 100,000, until some are done', async () => {
    const { redeletes } = redeletesOf();
    const first = Promise.withResolvers<boolean>();
    const many = Array.from({ length: 100_000 }, (_, index) => commandOf(`k${index}`));
    const done = redeletes.repeat(many, first.promise);
    let roomy = false;
    const room = redeletes.room().then(() => (roomy = true));
    await Promise.resolve();
    expect(roomy).toBe(false);
    first.resolve(true);
    await done;
    await room;
    expect(roomy).toBe(true);
  });
});
