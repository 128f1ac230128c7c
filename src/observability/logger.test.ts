import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnstaleError } from '../errors/unstale-error.ts';
import { createLogger } from './logger.ts';
import type { Logger, LoggerOptions } from './logger.ts';

function capture(options: Partial<LoggerOptions> = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return {
    log: createLogger({ level: 'info', format: 'json', clientId: 'shop', destination, ...options }),
    lines,
  };
}

function parsed(lines: string[]): Record<string, unknown>[] {
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}

describe('the JSON log', () => {
  it('writes level as a word, ISO time, client_id, the fields and the message, in this order', () => {
    const { log, lines } = capture();
    log.info({ file: 'binlog.000002', offset: 157 }, 'reading the binlog');
    expect(lines).toHaveLength(1);
    const [record] = parsed(lines);
    expect(Object.keys(record ?? {})).toEqual(['level', 'time', 'client_id', 'file', 'offset', 'msg']);
    expect(record).toMatchObject({
      level: 'info',
      client_id: 'shop',
      offset: 157,
      msg: 'reading the binlog',
    });
    expect(record?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('writes nothing below its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.debug({}, 'd');
    log.info({}, 'i');
    log.warn({}, 'w');
    log.error({}, 'e');
    expect(parsed(lines).map((record) => record['level'])).toEqual(['warn', 'error']);
  });

  it('renders an error under any name, with no stack for a documented one', () => {
    const { log, lines } = capture();
    const error = new UnstaleError('UNSTALE_REDIS_TIMEOUT', 'no reply within 5 s');
    log.warn({ err: error, nested: { reason: error } }, 'the batch is sent again');
    const [record] = parsed(lines);
    expect(record?.['err']).toEqual({
      code: 'UNSTALE_REDIS_TIMEOUT',
      message: 'no reply within 5 s',
      hint: error.policy.hint,
    });
    expect(record?.['nested']).toEqual({ reason: record?.['err'] });
  });

  it('adds the stack of a documented error at debug', () => {
    const { log, lines } = capture({ level: 'debug' });
    log.warn({ error: new UnstaleError('UNSTALE_REDIS_TIMEOUT', 'late') }, 'again');
    expect(parsed(lines)[0]?.['error']).toHaveProperty('stack');
  });

  it('redacts fields and the message', () => {
    const { log, lines } = capture();
    log.info(
      { url: 'redis://:hunter2@cache', options: { password: 'hunter2' } },
      'mysql://a:hunter2@db is up',
    );
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('does not let a field stand in for a member of the line', () => {
    const { log, lines } = capture();
    log.info({ level: 'x', time: 1, client_id: 'y', msg: 'z' }, 'real');
    const [record] = parsed(lines);
    expect(record).toMatchObject({ level: 'info', client_id: 'shop', msg: 'real', msg_: 'z', time_: 1 });
  });

  it('takes percent signs in a message literally', () => {
    const { log, lines } = capture();
    log.info({}, '100%d of %s %j');
    expect(parsed(lines)[0]?.['msg']).toBe('100%d of %s %j');
  });

  it('writes one valid line for any fields and message', () => {
    const { log, lines } = capture();
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true })),
        fc.string(),
        (fields, message) => {
          lines.length = 0;
          log.info(fields, message);
          expect(lines).toHaveLength(1);
          expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
          expect(() => parsed(lines)).not.toThrow();
        },
      ),
    );
  });
});

describe('the pretty log', () => {
  it('writes time, level, message and fields as text', () => {
    const { log, lines } = capture({ format: 'pretty' });
    log.info({ file: 'binlog.000002', note: 'two words' }, 'reading the binlog');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}reading the binlog {2}file=binlog\.000002 note="two words"\n$/,
    );
  });

  it('redacts as the JSON log does', () => {
    const { log, lines } = capture({ format: 'pretty' });
    log.error({ token: 'hunter2', error: new Error('redis://:hunter2@cache') }, 'failed');
    expect(lines.join('')).not.toContain('hunter2');
  });
});
