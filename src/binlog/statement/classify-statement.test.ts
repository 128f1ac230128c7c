import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyStatement } from './classify-statement.ts';

describe('the kind of a query event', () => {
  it.each([
    ['BEGIN', 'begin'],
    ['begin', 'begin'],
    ['START TRANSACTION', 'begin'],
    ["XA START X'01',X'',1", 'begin'],
    ["XA END X'01',X'',1", 'nested'],
    ["XA COMMIT X'01',X'',1", 'xa-commit'],
    ["/* app */ xa  rollback X'01',X'',1", 'xa-rollback'],
    ['SAVEPOINT `s1`', 'nested'],
    ['RELEASE SAVEPOINT `s1`', 'nested'],
    ['ROLLBACK TO `s1`', 'nested'],
    ['ROLLBACK WORK TO SAVEPOINT s1', 'nested'],
    ['COMMIT', 'commit'],
    ['ROLLBACK', 'commit'],
    ['/* app */ COMMIT', 'commit'],
    ['-- app\n# too\n/*!COMMIT */', 'commit'],
    ['ALTER TABLE users ADD COLUMN c INT', 'other'],
    ['`BEGIN`', 'other'],
    ['BEGINNING', 'other'],
    ['CREATE TABLE `t` (`id` int) START TRANSACTION', 'other-then-rows'],
    ['create table t (id int)\nSTART /* x */ TRANSACTION ;', 'other-then-rows'],
    ['CREATE TABLE t (id int) COMMENT "START TRANSACTION"', 'other'],
    ['CREATE TABLE t (id int) -- START TRANSACTION', 'other'],
    ['DROP TABLE t -- START TRANSACTION', 'other'],
  ] as const)('of %j is %s', (text, kind) => {
    expect(classifyStatement(text)).toBe(kind);
  });

  it('is found for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void classifyStatement(text)));
  });
});
