import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hintsIn } from './hints.ts';

describe('a hint in the comments of a statement', () => {
  it.each([
    ['/* unstale: user:1 */ UPDATE t SET a = 1', ['user:1']],
    ['UPDATE t SET a = 1 /*unstale:a,b , c*/', ['a', 'b', 'c']],
    ['UPDATE t /* unstale: a */ SET a = 1 /* unstale: b, a */', ['a', 'b']],
    ['/* unstale:\n  a,\n  b\n*/ DELETE FROM t', ['a', 'b']],
    ['/* unstale: "a, b", " c ", "d""e" */ DELETE FROM t', ['a, b', ' c ', 'd"e']],
    ['/* unstale: "a" b, "c */ DELETE FROM t', ['"a" b', '"c']],
    ['/* unstale: , ,"" */ DELETE FROM t', []],
    ['/* unstale: a', ['a']],
    ['/*! /* unstale: a */ DELETE */ FROM t', ['a']],
    ["/*!99999 ' */ DELETE /* unstale: a */ /*!99999 ' */", ['a']],
    ["UPDATE t SET a = 'x\\' /* unstale: a */, b = ' '", ['a']],
    ["INSERT INTO t VALUES ('\ufffd') /* unstale: a */", ['a']],
  ])('of %j names %j', (text, keys) => {
    expect(hintsIn(text)).toEqual(keys);
  });

  it.each([
    "INSERT INTO t VALUES ('/* unstale: a */')",
    'INSERT INTO t VALUES ("/* unstale: a */")',
    'SELECT `/* unstale: a */`',
    '-- /* unstale: a */\nDELETE FROM t',
    '/* not unstale: a */ DELETE FROM t',
    '/* Unstale: a */ DELETE FROM t',
    '/* unstale a */ DELETE FROM t',
  ])('is not found in %j', (text) => {
    expect(hintsIn(text)).toEqual([]);
  });

  it('gives back any keys that an application quotes', () => {
    const key = fc
      .string({ minLength: 1 })
      .filter((text) => !text.includes('*/') && !text.includes('\ufffd'));
    fc.assert(
      fc.property(fc.uniqueArray(key, { minLength: 1 }), (keys) => {
        const list = keys.map((text) => `"${text.replaceAll('"', '""')}"`).join(', ');
        fc.pre(!list.includes('*/'));
        expect(hintsIn(`DELETE FROM t /* unstale: ${list} */`)).toEqual(keys);
      }),
    );
  });

  it('never makes a text fail', () => {
    const piece = fc.constantFrom('/*', '*/', 'unstale:', '"', "'", ',', '\\', '/*!99999', 'a', ' ', '`');
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        expect(Array.isArray(hintsIn(pieces.join('')))).toBe(true);
      }),
    );
  });
});
