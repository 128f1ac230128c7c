import { describe, expect, it } from 'vitest';
import { parseInitPosition } from './init-position.ts';
import { parseListen } from './listen-address.ts';
import { parseTableName } from './table-name.ts';

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('an init position', () => {
  it.each([
    ['latest', { from: 'latest' }],
    ['earliest', { from: 'earliest' }],
    ['binlog.000042:157', { from: 'file', file: 'binlog.000042', offset: 157 }],
    ['mysql-bin.1000000:4294967296', { from: 'file', file: 'mysql-bin.1000000', offset: 4_294_967_296 }],
    [`${UUID}:1-5`, { from: 'gtid', gtidSet: `${UUID}:1-5` }],
    [`${UUID}:1-5:7,\n${UUID}:tag:1`, { from: 'gtid', gtidSet: `${UUID}:1-5:7,${UUID}:tag:1` }],
    ['0-1-5,1-2-7', { from: 'gtid', gtidSet: '0-1-5,1-2-7' }],
  ])('%j', (text, value) => {
    expect(parseInitPosition(text)).toEqual({ ok: true, value });
  });

  it.each([
    '',
    'now',
    'LATEST',
    'binlog.000042',
    'binlog:4',
    'binlog.000042:3',
    'binlog.000042:-4',
    UUID,
    '0-1',
    `${UUID}:`,
  ])('refuses %j', (text) => {
    expect(parseInitPosition(text).ok).toBe(false);
  });
});

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:9630', { host: '127.0.0.1', port: 9630 }],
    ['[::1]:9630', { host: '::1', port: 9630 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['off', 'off'],
  ])('%s', (text, value) => {
    expect(parseListen(text)).toEqual({ ok: true, value });
  });

  it.each([
    '',
    '9630',
    ':9630',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '::1:9630',
    'http://a:1',
    'on',
  ])('refuses %j', (text) => {
    expect(parseListen(text).ok).toBe(false);
  });
});

describe('a table', () => {
  it.each([
    ['shop.users', 'shop', 'users'],
    ['my-shop.größen$', 'my-shop', 'größen$'],
    ['`my.shop`.`my table`', 'my.shop', 'my table'],
    ['shop.`a``b*`', 'shop', 'a`b*'],
  ])('%s', (text, schema, table) => {
    expect(parseTableName(text)).toEqual({ ok: true, value: { schema, table } });
  });

  it.each([
    ['', 'not a table'],
    ['users', 'not a table'],
    ['shop.', 'not a table'],
    ['a.b.c', 'not a table'],
    ['shop.`users', 'not a table'],
    ['shop.us`ers', 'not a table'],
    ['shop.*', 'pattern'],
    ['shop_*.users', 'pattern'],
    ['shop.user?', 'pattern'],
    ['/shop_.*[.]users/', 'between schema and table'],
    ['shop.my table', 'odd character'],
    [`shop.${'x'.repeat(65)}`, 'longer'],
  ])('refuses %j', (text, message) => {
    expect(parseTableName(text)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
  });
});
