import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokens } from './tokens.ts';
import type { Reading, Token } from './tokens.ts';

function tokensOf(text: string, reading?: Reading): Token[] {
  const tokens = new Tokens(text, reading);
  const all: Token[] = [];
  for (let token = tokens.next(); token !== undefined; token = tokens.next()) all.push(token);
  return all;
}

const textsOf = (text: string, reading?: Reading): string[] =>
  tokensOf(text, reading).map((token) => token.text);

describe('the tokens of a statement', () => {
  it.each([
    ['a-- b\nc', ['a', 'c']],
    ['5--1', ['5', '-', '-', '1']],
    ['a # b\nc', ['a', 'c']],
    ['a/* b */c', ['a', 'c']],
    ['a/*! b */c', ['a', 'b', 'c']],
    ['a/*!50100 b /* c */ d */e', ['a', 'b', 'd', 'e']],
    ['a/*M! b */c', ['a', 'b', 'c']],
    ['`a``b`.`c d`', ['a`b', '.', 'c d']],
    ["'a''b' 'c\\'d' e", ["a''b", "c\\'d", 'e']],
    ['größe.表$1', ['größe', '.', '表$1']],
    ['a/* b', ['a']],
    ["a'b", ['a', 'b']],
  ])('of %j are %j', (text, expected) => {
    expect(textsOf(text)).toEqual(expected);
  });

  it('leave out what a server of another version does not execute, where that is asked for', () => {
    const reading = { conditional: false, escapes: true };
    expect(textsOf('a/*!99999 b */c/*M! d */e/*!40005 f */', reading)).toEqual(['a', 'c', 'e', 'f']);
  });

  it('can be read without escapes by backslash', () => {
    expect(textsOf("'a\\' b 'c'", { conditional: true, escapes: false })).toEqual(['a\\', 'b', 'c']);
  });

  it('come to an end for any text, whatever is not closed', () => {
    const piece = fc.constantFrom(
      '/*',
      '*/',
      '/*!',
      '/*M!',
      '`',
      "'",
      '"',
      '\\',
      '-- ',
      '#',
      '\n',
      ' ',
      'a',
      '.',
      '99999',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        const text = pieces.join('');
        expect(tokensOf(text).length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});
