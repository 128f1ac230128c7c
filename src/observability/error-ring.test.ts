import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { policyOf } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { ErrorRing, keepingErrors } from './error-ring.ts';
import { createLogger } from './logger.ts';

function open() {
  const ring = new ErrorRing({ now: () => 1000 });
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const log = keepingErrors(
    createLogger({ level: 'info', format: 'json', clientId: 'shop', destination: { write } }),
    ring,
  );
  return { ring, log, lines };
}

describe('the ring of errors', () => {
  it('keeps what the log is told of a documented error, with its hint and without passwords', () => {
    const { ring, log, lines } = open();
    const err = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', 'redis://:secret@cache does not answer');
    log.warn({ err }, 'trying again');
    expect(lines).toHaveLength(1);
    expect(ring.recent).toEqual([
      {
        level: 'warn',
        code: 'UNSTALE_REDIS_UNREACHABLE',
        message: 'redis://:[redacted]@cache does not answer',
        hint: policyOf('UNSTALE_REDIS_UNREACHABLE').hint,
        firstAt: 1000,
        lastAt: 1000,
        count: 1,
      },
    ]);
  });

  it('keeps errors that the log gets as code and reason', () => {
    const { ring, log } = open();
    log.warn({ code: 'UNSTALE_REDIS_BUSY', reason: 'LOADING' }, 'Redis does not execute commands');
    log.warn({ code: 'EPIPE', reason: 'a code of the system' }, 'something');
    log.info({ code: 'UNSTALE_REDIS_BUSY', reason: 'LOADING' }, 'only news');
    expect(ring.recent.map(({ code, message }) => [code, message])).toEqual([
      ['UNSTALE_REDIS_BUSY', 'LOADING'],
    ]);
  });

  it('keeps of an undocumented error the sentence only: its message may hold what is in rows', () => {
    const { ring, log } = open();
    log.error({ err: new Error("Duplicate entry 'ada@x' for key 'email'") }, 'the query failed');
    expect(ring.recent).toMatchObject([
      { level: 'error', code: 'UNSTALE_INTERNAL', message: 'the query failed' },
    ]);
  });

  it('counts what repeats, and begins anew behind another error', () => {
    let now = 0;
    const ring = new ErrorRing({ now: () => (now += 1) });
    ring.add('warn', 'UNSTALE_REDIS_TIMEOUT', 'first');
    ring.add('warn', 'UNSTALE_REDIS_TIMEOUT', 'second');
    ring.add('warn', 'UNSTALE_REDIS_BUSY', 'other');
    ring.add('warn', 'UNSTALE_REDIS_TIMEOUT', 'third');
    expect(
      ring.recent.map(({ message, count, firstAt, lastAt }) => [message, count, firstAt, lastAt]),
    ).toEqual([
      ['third', 1, 4, 4],
      ['other', 1, 3, 3],
      ['second', 2, 1, 2],
    ]);
  });

  it('never holds more than it may, and always the newest', () => {
    const codes = fc.constantFrom('UNSTALE_REDIS_TIMEOUT', 'UNSTALE_REDIS_BUSY', 'UNSTALE_PURGE_NEAR');
    fc.assert(
      fc.property(fc.array(codes, { minLength: 1 }), (added) => {
        const ring = new ErrorRing({ capacity: 5 });
        for (const code of added) ring.add('error', code, 'm');
        expect(ring.recent.length).toBeLessThanOrEqual(5);
        expect(ring.recent[0]?.code).toBe(added.at(-1));
      }),
    );
  });
});
