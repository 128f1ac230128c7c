import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact, redactText } from './redact.ts';

const asMessage = (error: Error): unknown => error.message;

describe('redacting text', () => {
  it.each([
    ['mysql://unstale:s3cret@db:3306/shop', 'mysql://unstale:[redacted]@db:3306/shop'],
    ['redis://:s3cret@cache', 'redis://:[redacted]@cache'],
    ['rediss://u:p@ss:w0rd@cache/0 refused', 'rediss://u:[redacted]@cache/0 refused'],
    ['mysql://unstale@db', 'mysql://unstale@db'],
    ['http://host/?a=1&password=x&b=2', 'http://host/?a=1&password=[redacted]&b=2'],
    ['a@b.example and 12:30', 'a@b.example and 12:30'],
    ['http://host/path@x', 'http://host/path@x'],
  ])('turns %s into %s', (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  it('never lets the password of a URL through', () => {
    const password = fc.string({ minLength: 6 }).map((text) => `pw${encodeURIComponent(text)}pw`);
    fc.assert(
      fc.property(password, fc.string(), (secret, around) => {
        expect(redactText(`${around} redis://app:${secret}@cache:6379/0 ${around}`)).not.toContain(secret);
      }),
    );
  });

  it('leaves text without credentials as it is', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('@') && !text.includes('=')),
        (text) => {
          expect(redactText(text)).toBe(text);
        },
      ),
    );
  });
});

describe('redacting fields', () => {
  it('replaces values under secret names at any depth', () => {
    const fields = {
      password: 'a',
      redis: { authPassword: 'b', username: 'app' },
      list: [{ token: 'c', apiKey: 'd' }],
    };
    expect(redact(fields, asMessage)).toEqual({
      password: '[redacted]',
      redis: { authPassword: '[redacted]', username: 'app' },
      list: [{ token: '[redacted]', apiKey: '[redacted]' }],
    });
  });

  it('keeps what only sounds like a secret', () => {
    const fields = { password_file: '/run/secrets/mysql', fencingToken: 7, key: 'user:1', token: undefined };
    expect(redact(fields, asMessage)).toEqual(fields);
  });

  it('gives what JSON can hold for bytes, bigints, dates, URLs and errors', () => {
    const fields = {
      bytes: new Uint8Array(3),
      big: 2n ** 64n,
      at: new Date(0),
      url: new URL('redis://:secret@cache'),
      error: new Error('no'),
    };
    expect(redact(fields, asMessage)).toEqual({
      bytes: '<3 bytes>',
      big: '18446744073709551616',
      at: '1970-01-01T00:00:00.000Z',
      url: 'redis://:[redacted]@cache',
      error: 'no',
    });
  });

  it('ends on an object that contains itself', () => {
    const ring: Record<string, unknown> = { name: 'ring' };
    ring['self'] = ring;
    expect(JSON.stringify(redact(ring, asMessage))).toContain('[deeper]');
  });

  it('always gives something that JSON can hold', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }), (value) => {
        expect(() => JSON.stringify(redact(value, asMessage))).not.toThrow();
      }),
    );
  });
});
