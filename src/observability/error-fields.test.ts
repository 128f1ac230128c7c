import { describe, expect, it } from 'vitest';
import { policyOf } from '../errors/catalog.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { errorFields } from './error-fields.ts';

const refused = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' });

describe('an error in the log', () => {
  it('is code, message, hint and cause without any stack when it is documented', () => {
    const error = new UnstaleError('UNSTALE_MYSQL_UNREACHABLE', 'MySQL at db:3306 does not answer', {
      cause: refused,
    });
    expect(errorFields(error, { stacks: false })).toEqual({
      code: 'UNSTALE_MYSQL_UNREACHABLE',
      message: 'MySQL at db:3306 does not answer',
      hint: policyOf('UNSTALE_MYSQL_UNREACHABLE').hint,
      cause: { code: 'ECONNREFUSED', message: 'connect refused' },
    });
  });

  it('shows every stack when stacks are asked for', () => {
    const error = new UnstaleError('UNSTALE_REDIS_TIMEOUT', 'late', { cause: refused });
    const fields = errorFields(error, { stacks: true });
    expect(fields.stack).toBe(error.stack);
    expect(fields.cause?.stack).toBe(refused.stack);
  });

  it('keeps the stacks of a defect, because a report needs them', () => {
    const bug = new TypeError('x is not a function');
    const fields = errorFields(asUnstaleError(bug), { stacks: false });
    expect(fields.code).toBe('UNSTALE_INTERNAL');
    expect(fields.stack).toBeDefined();
    expect(fields.cause?.stack).toBe(bug.stack);
    expect(errorFields(bug, { stacks: false }).stack).toBe(bug.stack);
  });

  it('names the first reason of a connect to several addresses', () => {
    const error = new AggregateError([refused, new Error('other')], '');
    expect(errorFields(error, { stacks: false }).cause?.code).toBe('ECONNREFUSED');
  });

  it('ends on a chain of causes that never ends', () => {
    const error = new Error('again');
    error.cause = error;
    expect(JSON.stringify(errorFields(error, { stacks: false })).match(/"message"/g)).toHaveLength(5);
  });

  it('shows no password of a URL in message, stack or cause', () => {
    const error = new Error('redis://:hunter2@cache failed', {
      cause: new Error('mysql://root:hunter2@db failed'),
    });
    expect(JSON.stringify(errorFields(error, { stacks: true }))).not.toContain('hunter2');
  });
});
