import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ERROR_CATALOG } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { classifyRedisError, isErrorReply, replyClass } from './replies.ts';

function named(name: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name }, fields);
}

const reply = (message: string): Error => named('ReplyError', message);

describe('an error reply is classified by its first word', () => {
  test.each([
    ['LOADING Redis is loading the dataset in memory', 'UNSTALE_REDIS_BUSY'],
    ['BUSY Redis is busy running a script.', 'UNSTALE_REDIS_BUSY'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'UNSTALE_REDIS_BUSY'],
    ['CLUSTERDOWN Hash slot not served', 'UNSTALE_REDIS_BUSY'],
    [
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      'UNSTALE_REDIS_BUSY',
    ],
    ["READONLY You can't write against a read only replica.", 'UNSTALE_REDIS_READONLY'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'UNSTALE_REDIS_REFUSES_WRITES'],
    ['MISCONF Redis is configured to save RDB snapshots', 'UNSTALE_REDIS_REFUSES_WRITES'],
    ['NOREPLICAS Not enough good replicas to write.', 'UNSTALE_REDIS_REFUSES_WRITES'],
    ['NOAUTH Authentication required.', 'UNSTALE_REDIS_AUTH'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'UNSTALE_REDIS_AUTH'],
    ['ERR AUTH <password> called without any password configured', 'UNSTALE_REDIS_AUTH'],
    ['ERR invalid password', 'UNSTALE_REDIS_AUTH'],
    ['ERR max number of clients reached', 'UNSTALE_REDIS_BUSY'],
    ["NOPERM this user has no permissions to run the 'unlink' command", 'UNSTALE_REDIS_PERMISSION'],
    ['DENIED Redis is running in protected mode', 'UNSTALE_REDIS_PERMISSION'],
    [
      'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
      'UNSTALE_REDIS_READONLY',
    ],
    [
      "ERR Error running script (call to f_6b1b): @user_script:3: @user_script: 3: -READONLY You can't write",
      'UNSTALE_REDIS_READONLY',
    ],
    [
      'ERR Error running script (call to f_6b1b): @user_script:3: @user_script: 3: -OOM command not allowed',
      'UNSTALE_REDIS_REFUSES_WRITES',
    ],
    ['ERR Error running script (call to f_6b1b): @user_script:3: Script', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ['MOVED 3999 127.0.0.1:6381', 'UNSTALE_CONFIG_INVALID'],
    ['ASK 3999 127.0.0.1:6381', 'UNSTALE_CONFIG_INVALID'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'UNSTALE_CONFIG_INVALID'],
    ['WRONGTYPE Operation against a key', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ["ERR unknown command 'UNLINK'", 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ['ERR LOADING is not the first word', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ['BUSYKEY Target key name already exists.', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ['', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
  ])('%s', (message, code) => {
    const classified = classifyRedisError(reply(message));
    expect(classified.code).toBe(code);
    expect(classified.message).toContain(message);
  });
});

describe('an error without a reply is a timeout or a lost connection', () => {
  test.each([
    [new Error('Command timed out'), 'UNSTALE_REDIS_TIMEOUT'],
    [
      named('Error', 'connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' }),
      'UNSTALE_REDIS_UNREACHABLE',
    ],
    [named('AggregateError', '', { code: 'ECONNREFUSED' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('Error', 'read ECONNRESET', { code: 'ECONNRESET' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('Error', 'write EPIPE', { code: 'EPIPE' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('Error', 'connect ETIMEDOUT', { code: 'ETIMEDOUT' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('Error', 'getaddrinfo ENOTFOUND r', { code: 'ENOTFOUND' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('Error', 'getaddrinfo EAI_AGAIN r', { code: 'EAI_AGAIN' }), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('AbortError', 'Command aborted due to connection close'), 'UNSTALE_REDIS_UNREACHABLE'],
    [named('MaxRetriesPerRequestError', 'Reached the max retries'), 'UNSTALE_REDIS_UNREACHABLE'],
    [new Error('Connection is closed.'), 'UNSTALE_REDIS_UNREACHABLE'],
    [
      new Error("Socket timeout. Expecting data, but didn't receive any in 10ms."),
      'UNSTALE_REDIS_UNREACHABLE',
    ],
    [
      new Error("Stream isn't writeable and enableOfflineQueue options is false"),
      'UNSTALE_REDIS_UNREACHABLE',
    ],
    [named('TypeError', 'bad argument', { code: 'ERR_INVALID_ARG_TYPE' }), 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    [named('ParserError', 'Protocol error, got "H"'), 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
    ['not even an error', 'UNSTALE_REDIS_UNEXPECTED_REPLY'],
  ])('%s', (error, code) => {
    expect(classifyRedisError(error).code).toBe(code);
  });
});

test('a connection error without a message is described by its code', () => {
  const error = named('AggregateError', '', { code: 'ECONNREFUSED' });
  expect(classifyRedisError(error).message).toContain('ECONNREFUSED');
});

test.each([
  ["NOPERM this user has no permissions to run the 'exec' command", 'UNSTALE_REDIS_PERMISSION'],
  ["READONLY You can't write against a read only replica.", 'UNSTALE_REDIS_READONLY'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'UNSTALE_REDIS_REFUSES_WRITES'],
])('a transaction that is refused is classified by the reason: %s', (reason, code) => {
  const classified = classifyRedisError(reply(`EXECABORT Transaction discarded because of: ${reason}`));
  expect(classified.code).toBe(code);
});

test('an UnstaleError keeps its code and its message', () => {
  const error = new UnstaleError('UNSTALE_REDIS_READONLY', 'as it was');
  expect(classifyRedisError(error)).toBe(error);
});

test('neither the message nor a cause holds the keys of the command', () => {
  const error = Object.assign(reply("ERR unknown command 'UNLINK', with args beginning with: 'user:4711' "), {
    command: { name: 'unlink', args: ['user:4711'] },
  });
  const classified = classifyRedisError(error);
  expect(classified.cause).toBeUndefined();
  expect(classified.message).not.toContain('4711');
  expect(classified.message).toContain('unknown command');
});

test('whatever the text of a reply is, it has a documented code and a short message of one line', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 600 }), (text) => {
      const classified = classifyRedisError(reply(text));
      expect(ERROR_CATALOG).toHaveProperty(classified.code);
      expect(classified.message.length).toBeLessThan(300);
      expect(classified.message).not.toMatch(/[\r\n]/);
    }),
  );
});

test('the metric label is the code without its prefix', () => {
  expect(replyClass(reply('MISCONF no disk'))).toBe('refuses_writes');
  expect(replyClass(new Error('Command timed out'))).toBe('timeout');
  expect(replyClass(new UnstaleError('UNSTALE_CONFIG_INVALID', 'db 99'))).toBe('other');
});

test('an answer of Redis is told apart from an error of the connection', () => {
  expect(isErrorReply(reply('NOPERM no'))).toBe(true);
  expect(isErrorReply(new Error('Command timed out'))).toBe(false);
});
