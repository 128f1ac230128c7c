import { describe, expect, it } from 'vitest';
import { mistakesOf } from '../../test/support/config-text.ts';
import type { Mistake } from '../../test/support/config-text.ts';

// What docs/configuration.md says of sections, broken, with the lines that the user reads.

const SECTIONS: readonly Mistake[] = [
  [
    'lookups: {url: "redis://x"}',
    '5:17  lookups.url  is not a MySQL URL  → write mysql://USER@HOST:3306 (for MariaDB too)',
  ],
  [
    'lookups: {timeout: 5}',
    '5:20  lookups.timeout  a duration needs a unit  → write 5s, or another unit: ms, m, h, d',
  ],
  ['lookups: {timeout: 0s}', '5:20  lookups.timeout  must be longer than 0  → write for example 5s'],
  [
    'lookups: {cache: 1}',
    '5:18  lookups.cache  a duration needs a unit  → write 1s, or another unit: ms, m, h, d',
  ],
  [
    'lookups: {max_keys: 0}',
    '5:21  lookups.max_keys  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  ['lookups: {max_key: 1}', '5:11  lookups.max_key  is an unknown field  → did you mean max_keys?'],
  [
    'lookups: {host: a, socket_path: /b}',
    '5:1  lookups.user  no MySQL user is named  → write lookups.user, or lookups.url: mysql://USER@HOST:3306',
    '5:33  lookups.socket_path  host and socket_path exclude each other  → remove one',
  ],
  [
    'lookups: {ssl_cert: x}',
    '5:21  lookups.ssl_cert  the file cannot be read (ENOENT)  → name a readable file; a relative path starts at the configuration file',
    '5:21  lookups.ssl_cert  a certificate without its key  → write ssl_key too',
  ],
  ['lookups: [a]', '5:10  lookups  must be a map of fields  → write indented lines "name: value"'],
  [
    'lookups: {url: "mysql://replica"}',
    '5:1  lookups.user  no MySQL user is named  → write lookups.user, or lookups.url: mysql://USER@HOST:3306',
  ],
  [
    'max_deletes_per_second: 0',
    '5:25  max_deletes_per_second  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'max_deletes_per_second: fast',
    '5:25  max_deletes_per_second  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'max_deletes_per_second: [1]',
    '5:25  max_deletes_per_second  must be a single value, not a list  → put text that begins with { or [ in quotes',
  ],
  ['publish: {}', '5:1  publish  names neither a channel nor a stream  → write channel, stream or both'],
  [
    'publish: {max_len: 5}',
    '5:1  publish  names neither a channel nor a stream  → write channel, stream or both',
    '5:20  publish.max_len  has no effect without a stream  → write stream too, or remove it',
  ],
  [
    'publish: {channel: a, max_len: 5}',
    '5:32  publish.max_len  has no effect without a stream  → write stream too, or remove it',
  ],
  ['publish: {channel: ""}', '5:21  publish.channel  is empty  → write a value, or remove the field'],
  [
    'publish: {chanel: a}',
    '5:1  publish  names neither a channel nor a stream  → write channel, stream or both',
    '5:11  publish.chanel  is an unknown field  → did you mean channel?',
  ],
  [
    'publish: {stream: a, max_len: 0}',
    '5:31  publish.max_len  is not a number in range  → write a whole number from 1 to 1000000000',
  ],
  ['publish: a', '5:10  publish  must be a map of fields  → write indented lines "name: value"'],
  ['reload: {watch: yes}', '5:17  reload.watch  is neither true nor false  → write true or false'],
  ['reload: {invalidate: 1}', '5:22  reload.invalidate  is neither true nor false  → write true or false'],
  ['reload: {wach: true}', '5:10  reload.wach  is an unknown field  → did you mean watch?'],
  ['reload: true', '5:9  reload  must be a map of fields  → write indented lines "name: value"'],
  ['admin: {token: short}', '5:16  admin.token  can be guessed  → write at least 16 characters'],
  [
    'admin: {token: "a token with spaces in it"}',
    '5:17  admin.token  holds what no HTTP header can hold  → write letters, digits and punctuation, without spaces or line ends',
  ],
  [
    'admin: {token: [a]}',
    '5:16  admin.token  must be a single value, not a list  → put text that begins with { or [ in quotes',
  ],
  [
    'admin: {listen: 9630}',
    '5:17  admin.listen  is not an address  → write HOST:PORT such as 127.0.0.1:9630 or "[::1]:9630", or off',
  ],
  [
    'admin: {listen: "localhost"}',
    '5:18  admin.listen  is not an address  → write HOST:PORT such as 127.0.0.1:9630 or "[::1]:9630", or off',
  ],
  [
    'admin: {listen: "0.0.0.0:99999"}',
    '5:18  admin.listen  is not an address  → write HOST:PORT such as 127.0.0.1:9630 or "[::1]:9630", or off',
  ],
  ['admin: {tokn: x}', '5:9  admin.tokn  is an unknown field  → did you mean token?'],
  [
    'include: rules/*.yaml',
    '5:10  include  must be a list  → write [one, two], or one line "- item" for each',
  ],
  [
    'include: [missing.yaml]',
    '5:11  include[0]  names a file that cannot be read (ENOENT)  → name readable files; a relative path starts at the configuration file',
  ],
  [
    'include: ["missing/*.yaml"]',
    '5:12  include[0]  its directory cannot be read (ENOENT)  → name a readable directory',
  ],
  [
    'include: ["**/x.yaml"]',
    '5:12  include[0]  ** is not available  → write * for each level of directories',
  ],
  ['include: [shop.yaml]', '5:11  include[0]  the file includes itself  → remove it'],
  [
    'include: [rules]',
    '5:11  include[0]  names something that is not a file  → name files, as in rules/*.yaml',
  ],
  ['include:', '5:1  include  has no value  → write a value ("" for the empty text), or remove the field'],
  [
    'include: [{a: b}]',
    '5:11  include[0]  must be a single value, not a map  → put text that begins with { or [ in quotes',
  ],
];

describe('a mistake in a section', () => {
  it.each(SECTIONS.map(([text, ...problems]) => ({ text, problems })))(
    'is told with its place and remedy: $text',
    async ({ text, problems }) => {
      expect(await mistakesOf(`rules: [{table: shop.users, key: "user:{id}"}]\n${text}`)).toEqual(problems);
    },
  );
});
