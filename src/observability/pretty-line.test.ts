import { describe, expect, it } from 'vitest';
import { prettyLine } from './pretty-line.ts';

const noon = new Date(2026, 0, 2, 12, 0, 1, 123).toISOString();
const line = (fields: object, msg = 'message'): string =>
  prettyLine(`${JSON.stringify({ level: 'info', time: noon, client_id: 'shop', ...fields, msg })}\n`);

describe('a pretty line', () => {
  it('has local time, level, message and the fields, and leaves client_id out', () => {
    expect(line({ a: 1, b: 'x', c: true, d: null })).toBe(
      '12:00:01.123 INFO  message  a=1 b=x c=true d=null\n',
    );
  });

  it('is only the sentence when there are no fields', () => {
    expect(line({})).toBe('12:00:01.123 INFO  message\n');
  });

  it('quotes text that would not read as one value', () => {
    expect(line({ a: 'two words', b: '', c: 'x=y', d: 'line\nbreak', e: '\u001b[31m' })).toBe(
      '12:00:01.123 INFO  message  a="two words" b="" c="x=y" d="line\\nbreak" e="\\u001b[31m"\n',
    );
  });

  it('keeps lists and objects as JSON', () => {
    expect(line({ a: [1, 'x'], b: { c: 2 } })).toContain('a=[1,"x"] b={"c":2}');
  });

  it('tells an error as code, message, causes and hint', () => {
    const error = {
      code: 'UNSTALE_X',
      message: 'no answer',
      hint: 'Look.',
      cause: { code: 'ECONN', message: 'refused' },
    };
    expect(line({ error })).toContain('error="UNSTALE_X: no answer: ECONN: refused (Look.)"');
  });

  it('moves stacks below the line, indented', () => {
    const error = {
      message: 'no',
      stack: 'Error: no\n    at here',
      cause: { message: 'why', stack: 'Error: why' },
    };
    expect(line({ error })).toBe(
      '12:00:01.123 INFO  message  error="no: why"\n    Error: no\n        at here\n    Error: why\n',
    );
  });

  it('indents the further lines of a message', () => {
    expect(line({}, 'first\nsecond')).toBe('12:00:01.123 INFO  first\n    second\n');
  });

  it('passes on what is not a JSON record', () => {
    expect(prettyLine('not json\n')).toBe('not json\n');
    expect(prettyLine('[1]\n')).toBe('[1]\n');
  });
});
