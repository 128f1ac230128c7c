import { describe, expect, it } from 'vitest';
import { parseMysqlUrl } from './mysql-url.ts';
import { parseRedisUrl } from './redis-url.ts';

describe('a MySQL URL', () => {
  it.each([
    ['mysql://u@db', { host: 'db', user: 'u' }],
    ['mysql://u:p@127.0.0.1:3307/', { host: '127.0.0.1', port: 3307, user: 'u', password: 'p' }],
    ['mysql://u%40x:p%3A%2F%40%25@[::1]:3306', { host: '::1', port: 3306, user: 'u@x', password: 'p:/@%' }],
    ['mysql://u:a@b@db', { host: 'db', user: 'u', password: 'a@b' }],
    ['mysql://db.example', { host: 'db.example' }],
  ])('%s', (text, value) => {
    expect(parseMysqlUrl(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['', 'not a MySQL URL'],
    ['db:3306', 'not a MySQL URL'],
    ['postgres://u@db', 'not a MySQL URL'],
    ['mariadb://u@db', 'not a MySQL URL'],
    ['mysql://u@db:port', 'not a valid URL'],
    ['mysql://u@db:99999', 'not a valid URL'],
    ['mysql://u:%zz@db', 'not a valid URL'],
    ['mysql://u@db/shop', 'names a database'],
    ['mysql://u:pass/word@db', 'not a valid URL'],
    ['mysql://u@db?ssl-mode=REQUIRED', 'has options'],
    ['mysql://u@db#x', 'has options'],
  ])('refuses %j', (text, message) => {
    expect(parseMysqlUrl(text)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });
});

describe('a Redis URL', () => {
  it.each([
    ['redis://cache', { scheme: 'redis', host: 'cache' }],
    ['redis://cache:6380/2', { scheme: 'redis', host: 'cache', port: 6380, db: 2 }],
    ['rediss://u:p%40@[::1]/', { scheme: 'rediss', host: '::1', username: 'u', password: 'p@' }],
    ['redis://:secret@cache', { scheme: 'redis', host: 'cache', password: 'secret' }],
    ['unix:///run/redis.sock', { scheme: 'unix', socketPath: '/run/redis.sock' }],
    ['unix:///run/my%20redis.sock?db=3', { scheme: 'unix', socketPath: '/run/my redis.sock', db: 3 }],
  ])('%s', (text, value) => {
    expect(parseRedisUrl(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['', 'not a Redis URL'],
    ['cache:6379', 'not a Redis URL'],
    ['http://cache', 'not a Redis URL'],
    ['redis://cache:port', 'not a valid URL'],
    ['redis://:%zz@cache', 'not a valid URL'],
    ['redis://cache/zero', 'not a number'],
    ['redis://cache/0/1', 'not a number'],
    ['redis://cache?db=1', 'has options'],
    ['unix://', 'not the URL of a socket'],
    ['unix://run/redis.sock', 'not the URL of a socket'],
    ['unix:///run/redis.sock?database=1', 'not the URL of a socket'],
  ])('refuses %j', (text, message) => {
    expect(parseRedisUrl(text)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });
});
