import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpolate } from './interpolate.ts';

const env = { HOST: 'db', EMPTY: '', NESTED: '${HOST}' };

describe('interpolation', () => {
  it.each([
    ['plain', 'plain'],
    ['${HOST}', 'db'],
    ['mysql://u@${HOST}:${PORT:-3306}', 'mysql://u@db:3306'],
    ['${HOST:-other}', 'db'],
    ['${EMPTY}', ''],
    ['${EMPTY:-other}', 'other'],
    ['${MISSING:-}', ''],
    ['${MISSING:-a:-b}', 'a:-b'],
    ['${NESTED}', '${HOST}'],
    ['$${HOST}', '${HOST}'],
    ['$$${HOST}', '$${HOST}'],
    ['$HOST $ {HOST} {HOST}', '$HOST $ {HOST} {HOST}'],
  ])('%s gives %s', (text, expected) => {
    expect(interpolate(text, env)).toEqual({ text: expected, problems: [] });
  });

  it.each([
    ['a ${MISSING}', 2, 'MISSING is not set'],
    ['${}', 0, 'not ${NAME}'],
    ['${HOST', 0, 'not ${NAME}'],
    ['x${1A}', 1, 'not ${NAME}'],
    ['${HO ST}', 0, 'not ${NAME}'],
    ['${HOST-x}', 0, 'not ${NAME}'],
  ])('refuses %s at offset %d', (text, offset, message) => {
    const { problems } = interpolate(text, env);
    expect(problems).toEqual([
      { offset, message: expect.stringContaining(message), remedy: expect.any(String) },
    ]);
  });

  it('gives back any text whose ${ are escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-') }), (text) => {
        expect(
          interpolate(
            text.replaceAll('${', () => '$${'),
            {},
          ),
        ).toEqual({ text, problems: [] });
      }),
    );
  });
});
