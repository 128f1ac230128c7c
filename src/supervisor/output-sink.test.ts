import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MOST_WAITING } from './line-sink.ts';
import { OutputSink } from './output-sink.ts';

describe('the output of a supervisor', () => {
  it('has whole lines of every daemon', () => {
    const stream = new PassThrough();
    const sink = new OutputSink(stream);
    sink.write('{"client_id":"a"}');
    sink.write('{"client_id":"b"}');
    expect(String(stream.read())).toBe('{"client_id":"a"}\n{"client_id":"b"}\n');
  });

  it('drops lines while nobody reads, and says how many when somebody does', () => {
    const stream = new PassThrough();
    const sink = new OutputSink(stream);
    const line = 'x'.repeat(MOST_WAITING / 4);
    for (let count = 0; count < 10; count += 1) sink.write(line);
    const first = String(stream.read());
    sink.write('later');
    const [notice = '', later] = String(stream.read()).split('\n');
    const written = first.split('\n').length - 1;
    expect(written).toBeLessThanOrEqual(5);
    expect(JSON.parse(notice)).toMatchObject({ level: 'warn', lines: 10 - written });
    expect(later).toBe('later');
  });

  it('goes on without a reader that has gone', () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const sink = new OutputSink(stream);
    sink.write('one');
    expect(() => sink.write('two')).not.toThrow();
  });
});
