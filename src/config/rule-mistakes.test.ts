import { describe, expect, it } from 'vitest';
import { mistakesOf } from '../../test/support/config-text.ts';
import type { Mistake } from '../../test/support/config-text.ts';

// What docs/configuration.md and docs/mapping.md say of rules, broken, with the lines that the user reads.

const RULES: readonly Mistake[] = [
  [
    'table: users\nkey: user:{id}',
    '5:12  rules[0].table  is not a table  → write schema.table, with odd names in backquotes: "`my.schema`.`my table`"',
  ],
  [
    'table: shop.*s*[\nkey: user:{id}',
    '5:12  rules[0].table  is no pattern for tables  → close every bracket, and escape the dot between schema and table',
  ],
  [
    'table: "shop.[z-a]"\nkey: user:{id}',
    '5:13  rules[0].table  is no pattern for tables  → close every bracket, and escape the dot between schema and table',
  ],
  [
    'table: /shop.users/\nkey: user:{id}',
    '5:12  rules[0].table  has not exactly one \\. between schema and table  → write /SCHEMA\\.TABLE/, for example /tenant_\\d+\\.users/',
  ],
  [
    'table: /shop\\.users(/\nkey: user:{id}',
    '5:12  rules[0].table  is no pattern for tables  → close every bracket, and escape the dot between schema and table',
  ],
  [
    'table: "shop.my table"\nkey: user:{id}',
    '5:13  rules[0].table  an odd character in the name of the table  → put the name in backquotes: "shop.`my table`"',
  ],
  [
    'table: [a, b]\nkey: user:{id}',
    '5:12  rules[0].table  must be a single value, not a list  → put text that begins with { or [ in quotes',
  ],
  [
    'table: /a\\.b\\.c/\nkey: user:{id}',
    '5:12  rules[0].table  has not exactly one \\. between schema and table  → write /SCHEMA\\.TABLE/, for example /tenant_\\d+\\.users/',
  ],
  [
    'table: shop.users\nkeys_from_set: ""',
    '6:21  rules[0].keys_from_set  is empty  → write a value, or remove the field',
  ],
  [
    'table: shop.users\nkeys_from_set: [a]',
    '6:20  rules[0].keys_from_set  must be a single value, not a list  → put text that begins with { or [ in quotes',
  ],
  [
    'table: shop.users\nkeys_from_set: "tag:{id"',
    '6:25  rules[0].keys_from_set  an opening brace without a closing one  → write {column}, or {{ for a literal brace',
  ],
  [
    'table: shop.users\nkeys_from_set: "{id}:tag"',
    '6:21  rules[0].keys_from_set  the key template begins with a column  → begin with a literal of your own, as in user:{id}',
  ],
  [
    'table: shop.users\nkeys_from_set: "tag:{id}"\nkey: "tag:{id}"',
    '6:21  rules[0].keys_from_set  the set itself is a key of the rule  → remove it from the keys: the set goes when the keys that it names have gone',
  ],
  [
    'table: shop.users\nkeys_from_set:',
    '6:5  rules[0].keys_from_set  has no value  → write a value ("" for the empty text), or remove the field',
  ],
  [
    'table: shop.users\ngeneration: ""',
    '6:18  rules[0].generation  is empty  → write a value, or remove the field',
  ],
  [
    'table: shop.users\ngeneration: "gen:{id|uper}"',
    '6:26  rules[0].generation  there is no filter uper  → did you mean upper?',
  ],
  [
    'table: shop.users\nkey: gen:{id}\ngeneration: gen:{id}',
    '7:17  rules[0].generation  the counter itself is a key of the rule  → remove it from the keys: a counter is incremented, not deleted',
  ],
  [
    'table: shop.users\nkeys_from_set: gen\ngeneration: gen',
    '7:17  rules[0].generation  one name for a counter and a set  → write two names',
  ],
  [
    'table: shop.users\ngeneration: [gen]',
    '6:17  rules[0].generation  must be a single value, not a list  → put text that begins with { or [ in quotes',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_keys_per_transaction: 0',
    '7:31  rules[0].max_keys_per_transaction  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_keys_per_transaction: many',
    '7:31  rules[0].max_keys_per_transaction  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_keys_per_transaction: 1000001',
    '7:31  rules[0].max_keys_per_transaction  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_deletes_per_second: 0',
    '7:29  rules[0].max_deletes_per_second  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_deletes_per_second: 5/s',
    '7:29  rules[0].max_deletes_per_second  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\ngeneration: gen\nmax_deletes_per_second: 5',
    '7:5  rules[0].max_deletes_per_second  has no effect without a key  → remove it: sets, prefixes and generations are not limited',
  ],
  [
    'table: shop.users\nkeys_from_set: tag:{id}\nmax_deletes_per_second: 5',
    '7:5  rules[0].max_deletes_per_second  has no effect without a key  → remove it: sets, prefixes and generations are not limited',
  ],
  [
    'table: shop.users\nkey: user:{id}\nmax_keys: 5',
    '7:5  rules[0].max_keys  has no effect without lookup  → remove it',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}',
    '6:10  rules[0].key  names a lookup that the rule does not have  → write lookup: SELECT ...',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: DELETE FROM shop.a WHERE b = :id',
    '7:13  rules[0].lookup  is no query  → write for example SELECT id FROM shop.products WHERE category_id = :id',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: "SELECT id FROM shop.a WHERE b = :id;"',
    '7:14  rules[0].lookup  holds more than one statement  → write one SELECT without a semicolon',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a WHERE b = :id; DELETE FROM shop.a',
    '7:13  rules[0].lookup  holds more than one statement  → write one SELECT without a semicolon',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a',
    '7:13  rules[0].lookup  names no column of the changed row  → write :column where its value belongs',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a WHERE b = ?',
    '7:13  rules[0].lookup  holds a question mark  → write :column for a parameter; in a text write CHAR(63)',
  ],
  [
    "table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a WHERE b = :id AND c = 'x",
    '7:13  rules[0].lookup  a text or comment that is not closed  → write its end',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a WHERE b = :id /* x',
    '7:13  rules[0].lookup  a text or comment that is not closed  → write its end',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: ""',
    '7:14  rules[0].lookup  is empty  → write a value, or remove the field',
  ],
  [
    'table: shop.users\nkey: user:{lookup.id}\nlookup: SELECT id FROM shop.a WHERE b = :id\nmax_keys: 0',
    '8:15  rules[0].max_keys  is not a number in range  → write a whole number from 1 to 1000000',
  ],
  [
    'table: shop.users\nkey: user:{lookup.}\nlookup: SELECT id FROM shop.a WHERE b = :id',
    '6:16  rules[0].key  a column reference without a name  → write {column}',
  ],
  [
    'table: shop.users\nkey: user:{lookup.a.b}\nlookup: SELECT id FROM shop.a WHERE b = :id',
    '6:23  rules[0].key  a dot in the name of a column  → write {lookup.`a.b`}',
  ],
  [
    'outbox: outbox\nkey_column: k',
    '5:13  rules[0].outbox  is not a table  → write schema.table, with odd names in backquotes: "`my.schema`.`my table`"',
  ],
  [
    'outbox: shop.*\nkey_column: k',
    '5:13  rules[0].outbox  is a pattern, where one table has to be named  → write schema.table',
  ],
  [
    'outbox: shop.outbox',
    '5:5  rules[0].key_column  the outbox has no column to read  → write key_column: cache_key, prefix_column or generation_column',
  ],
  [
    'outbox: shop.outbox\nkey: a:{id}\nkey_column: k',
    '6:5  rules[0].key  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\ntable: shop.users\nkey_column: k',
    '6:5  rules[0].table  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\ngeneration: gen',
    '7:5  rules[0].generation  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nlookup: SELECT 1',
    '7:5  rules[0].lookup  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nmax_keys: 5',
    '7:5  rules[0].max_keys  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nmax_keys_per_transaction: 5',
    '7:5  rules[0].max_keys_per_transaction  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\non: [insert]',
    '7:5  rules[0].on  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nwhere: {a: 1}',
    '7:5  rules[0].where  has no meaning for an outbox  → remove it: the rows say what goes',
  ],
  [
    'outbox: shop.outbox\nprefix_column: p',
    '6:5  rules[0].prefix_column  needs prefixes, for rows that cannot be read  → write prefixes: ["page:"], what the prefixes in the rows begin with',
  ],
  [
    'outbox: shop.outbox\nprefix_column: p\nprefixes: []',
    '7:15  rules[0].prefixes  the list is empty  → write for example ["page:"], or remove the field',
  ],
  [
    'outbox: shop.outbox\nprefix_column: p\nprefixes: [a]',
    '7:16  rules[0].prefixes[0]  stands for too many keys  → write at least 2 characters',
  ],
  [
    'outbox: shop.outbox\nprefix_column: p\nprefixes: ["page:", ""]',
    '7:26  rules[0].prefixes[1]  stands for too many keys  → write at least 2 characters',
  ],
  [
    'outbox: shop.outbox\nprefix_column: p\nprefixes: "page:"',
    '7:16  rules[0].prefixes  must be a list  → write [one, two], or one line "- item" for each',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nprefix_column: K\nprefixes: ["page:"]',
    '7:20  rules[0].prefix_column  is the column of key_column too  → name a column for each',
  ],
  [
    'outbox: shop.outbox\ngeneration_column: g\nmax_deletes_per_second: 5',
    '7:5  rules[0].max_deletes_per_second  has no effect without a key  → remove it: sets, prefixes and generations are not limited',
  ],
  [
    'outbox: shop.outbox\nkey_column: "`k"',
    '6:18  rules[0].key_column  a backquote without its partner  → write "`name`"; a backquote in the name is doubled',
  ],
  [
    'outbox: shop.outbox\nkey_column: ""',
    '6:18  rules[0].key_column  a column without a name  → write the name of a column',
  ],
  [
    'outbox:\nkey_column: k',
    '5:5  rules[0].outbox  has no value  → write a value ("" for the empty text), or remove the field',
  ],
  [
    'table: shop.users\nkey: user:{id}\nkey_column: k',
    '7:5  rules[0].key_column  belongs to an outbox  → write outbox: schema.table, or remove it',
  ],
  [
    'table: shop.users\nkey: user:{id}\nprefixes: ["page:"]',
    '7:5  rules[0].prefixes  belongs to an outbox  → write outbox: schema.table, or remove it',
  ],
  [
    'outbox: shop.outbox\nkey_column: k\nprefixes: ["page:", "page:"]',
    '7:26  rules[0].prefixes[1]  stands twice in the list  → remove one of the two',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhen: {change: [a]}',
    '7:12  rules[0].when.change  is an unknown field  → only changed is known here; values of columns stand in where',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhen: changed',
    '7:11  rules[0].when  must be a map  → write for example when: {changed: [email, name]}',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhere: {a: {ge: 1}}',
    '7:17  rules[0].where.a.ge  is an unknown operator  → did you mean gte?',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhere: {}',
    '7:12  rules[0].where  the condition is empty  → write for example where: {status: active}, or remove it',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhere: {a: {gte: x}}',
    '7:22  rules[0].where.a.gte  must be a number, a date or a time  → write for example 18 or "2026-01-31 12:00:00"',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhere: {old: {a: 1}, b: 2}',
    '7:26  rules[0].where.b  a column beside old or new  → move it into old or new; if old and new are columns of the table, write "`old`" and "`new`"',
  ],
  [
    'table: shop.users\nkey: user:{id}\nwhere: {a: [null]}',
    '7:17  rules[0].where.a[0]  is an empty list item  → write a value, or remove it',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update',
    '5:5  rules[0].value  an update needs a value  → write for example value: {format: json, columns: [id, name]}',
    '5:5  rules[0].version  an update needs what orders the values  → write version: {column: row_version}, a column that only grows',
    '5:5  rules[0].ttl  an update needs a ttl  → write for example ttl: 10m',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nvalue: {columns: []}',
    '10:22  rules[0].value.columns  names no columns  → write for example columns: [id, name]',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nvalue: {format: xml, columns: [id, id, {col: x}]}',
    '10:21  rules[0].value.format  is no format of a value  → write json, string or hash',
    '10:40  rules[0].value.columns[1]  id stands twice in the value  → remove one of the two, or give it another name: {column: price, as: cost}',
    '10:44  rules[0].value.columns[2]  names no column  → write for example {column: price, as: cost}',
    '10:45  rules[0].value.columns[2].col  is no field of a column  → write one of column, as, format',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nvalue: {format: string, columns: [id, name]}',
    '10:38  rules[0].value.columns  a string is one column  → write one column, or format: json',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nvalue: {columns: [{column: id, format: numbr}]}',
    '10:44  rules[0].value.columns[0].format  is no format of a column  → write number',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: binlog\nttl: 5m\nvalue: {columns: [id]}',
    '8:14  rules[0].version  readers that fill keys cannot know it  → write create: true if only the daemon writes these keys, or version: {column: …}',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nvalue: {columns: [id]}\non: [insert]\nwhen: {changed: [id]}\nwhere: {new: {a: 1}}\nguard: lease\nredelete: [5s]',
    '11:5  rules[0].on  would leave values of changes that the rule does not see  → remove it: an update follows every change',
    '12:5  rules[0].when  would leave values whose other columns have changed  → remove it: an update follows every change',
    '13:18  rules[0].where.new  would leave values of rows that it does not see  → test the columns themselves: where: {status: active}',
    '14:12  rules[0].guard  does not keep an older value from replacing a newer one  → remove it: updates are guarded by their version',
    '15:5  rules[0].redelete  would remove the values that were stored  → remove it: versions keep older values out',
  ],
  [
    'table: shop.users\nkey: user:{id}\nttl: 5m\ncreate: true',
    '7:5  rules[0].ttl  belongs to an update  → write action: update, or remove it',
    '8:5  rules[0].create  belongs to an update  → write action: update, or remove it',
  ],
  [
    'table: shop.users\nkey: user:{id}\nguard: version',
    '5:5  rules[0].version  guard: version needs the column of the version  → write version: {column: row_version}, or guard: lease',
  ],
  [
    'table: shop.users\nkey: user:{id}\nguard: version\nversion: binlog',
    '8:14  rules[0].version  readers cannot know the place of a change in the binlog  → write version: {column: row_version}, or guard: lease',
  ],
  [
    'table: shop.users\nkey: user:{id}\nguard: version\nversion: v',
    '8:14  rules[0].version  names no version  → write version: {column: row_version}, or version: binlog',
  ],
  [
    'table: shop.users\nkey: user:{id}\nguard: none\nreplica_hold: 5s\nversion: {column: v}',
    '8:5  rules[0].replica_hold  has no effect without a guard  → write guard: lease, or remove it',
    '9:5  rules[0].version  has no effect with this guard  → write guard: version, or remove it',
  ],
  [
    'table: shop.users\nkey: user:{id}\nredelete: [90s]',
    '7:16  rules[0].redelete[0]  is too long  → write at most 60s',
  ],
  [
    'table: shop.users\nkey: user:{id}\nredelete: []',
    '7:15  rules[0].redelete  the list is empty  → write for example [500ms, 5s], or remove the field',
  ],
  [
    'table: shop.users\ngeneration: gen:x\nredelete: [5s]',
    '7:5  rules[0].redelete  has no effect without a key  → remove it: only deletes of keys are repeated',
  ],
  [
    'table: shop.users\nkey: user:{id}\naction: update\nversion: {column: v}\nttl: 5m\nttl_jitter: 10\nvalue: {columns: [id]}',
    '10:17  rules[0].ttl_jitter  is not a percentage  → write a whole number from 0% to 100%',
  ],
  [
    'outbox: shop.o\nkey_column: k\nguard: version',
    '7:12  rules[0].guard  has no meaning for an outbox  → write guard: lease: the rows of an outbox have no version of what they name',
  ],
];

describe('a mistake in a rule', () => {
  it.each(RULES.map(([text, ...problems]) => ({ text, problems })))(
    'is told with its place and remedy: $text',
    async ({ text, problems }) => {
      expect(await mistakesOf(`rules:\n  - ${text.replaceAll('\n', '\n    ')}`)).toEqual(problems);
    },
  );
});
