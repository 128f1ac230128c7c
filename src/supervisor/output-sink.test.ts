import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { MOST_WAITING } from './line-sink.ts';
import { OutputSink } from './output-sink.ts';

function readAll(stream: PassThrough): string[] {
  const chunks: Buffer[] = [];
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString().split('\n').slice(0, -1);
}

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
    const first = readAll(stream);
    sink.write('later');
    const [notice = '', later] = readAll(stream).slice(-2);
    expect(first.length).toBeLessThanOrEqual(5);
    expect(JSON.parse(notice)).toMatchObject({ level: 'warn', lines: 10 - first.length });
    expect(later).toBe('later');
  });

  it('goes on without a reader that has gone', () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const sink = new OutputSink(stream);
    sink.write('one');
    expect(() => sink.write('two')).not.toThrow();
  });
});
