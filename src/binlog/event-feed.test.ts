import { beforeEach, describe, expect, it } from 'vitest';
import { UnstaleError } from '../errors/unstale-error.ts';
import { EventFeed } from './event-feed.ts';
import type { RawEvent } from './raw-event.ts';

/** An event that is recognised by where it begins. */
const event = (start: number): RawEvent => ({ buffer: Buffer.alloc(0), start, end: start });

describe('the event feed', () => {
  let calls: string[];
  /** What an event waits for, by its start. */
  let slow: Map<number, PromiseWithResolvers<void>>;
  let failures: UnstaleError[];
  let feed: EventFeed;

  beforeEach(() => {
    calls = [];
    slow = new Map();
    failures = [];
    feed = new EventFeed({
      handle: ({ start }) => {
        calls.push(`event ${start}`);
        return slow.get(start)?.promise;
      },
      pause: () => calls.push('pause'),
      resume: () => calls.push('resume'),
      onFailure: (error) => failures.push(error),
    });
  });

  it('handles events at once while none takes longer', () => {
    for (const start of [1, 2, 3]) feed.push(event(start));
    expect(calls).toEqual(['event 1', 'event 2', 'event 3']);
  });

  it('holds what arrives back behind an event that takes longer, and keeps the order', async () => {
    const [second, third] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    slow = new Map([
      [2, second],
      [3, third],
    ]);
    for (const start of [1, 2, 3, 4]) feed.push(event(start));
    expect(calls).toEqual(['event 1', 'event 2', 'pause']);
    second.resolve();
    await second.promise;
    feed.push(event(5));
    expect(calls).toEqual(['event 1', 'event 2', 'pause', 'event 3']);
    third.resolve();
    await third.promise;
    await Promise.resolve();
    expect(calls).toEqual(['event 1', 'event 2', 'pause', 'event 3', 'event 4', 'event 5', 'resume']);
    feed.push(event(6));
    expect(calls.at(-1)).toBe('event 6');
  });

  it('reports the first failure, also one that comes late, and handles nothing after it', async () => {
    const late = Promise.withResolvers<void>();
    slow = new Map([[1, late]]);
    feed.push(event(1));
    feed.push(event(2));
    late.reject(new UnstaleError('UNSTALE_EVENT_UNDECODABLE', 'damaged'));
    await expect(late.promise).rejects.toThrow();
    await Promise.resolve();
    feed.push(event(3));
    expect(failures.map(({ code }) => code)).toEqual(['UNSTALE_EVENT_UNDECODABLE']);
    expect(calls).toEqual(['event 1', 'pause']);
  });

  it('handles nothing more once it is ended, nor resumes the connection', async () => {
    const held = Promise.withResolvers<void>();
    slow = new Map([[1, held]]);
    feed.push(event(1));
    feed.push(event(2));
    feed.end();
    held.resolve();
    await held.promise;
    await Promise.resolve();
    expect(calls).toEqual(['event 1', 'pause']);
    expect(failures).toEqual([]);
  });
});
