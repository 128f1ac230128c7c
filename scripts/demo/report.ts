import { styleText } from 'node:util';

/** How a text stands out: in colours on a terminal, not at all elsewhere or with NO_COLOR. */
export type Tone = 'title' | 'good' | 'bad' | 'faint' | 'plain';

const width = { left: 42, middle: 42 };
let muted = false;
let sections = 0;

/** Prints nothing from now on, for a program that is being interrupted. */
export function mute(): void {
  muted = true;
}

export function title(text: string): void {
  print(paint(text, 'title'));
}

/** Begins a numbered section. */
export function section(text: string): void {
  sections += 1;
  print(`\n${paint(`${sections}. ${text}`, 'title')}`);
}

/** One line of a section in three columns. Too long a text in the middle is wrapped, when there is something at the right. */
export function row(left: string, middle: string, right = '', tone: Tone = 'plain'): void {
  const [first = '', ...rest] = wrap(middle, right === '' ? Number.POSITIVE_INFINITY : width.middle);
  const end = right === '' ? '' : ` ${right.padStart(8)}`;
  print(
    `   ${left.padEnd(width.left)}${paint(end === '' ? first : first.padEnd(width.middle), tone)}${end}`.trimEnd(),
  );
  for (const line of rest) print(`   ${''.padEnd(width.left)}${paint(line, tone)}`);
}

export function note(text: string, tone: Tone = 'faint'): void {
  for (const line of text.split('\n')) print(`   ${paint(line, tone)}`);
}

export function blank(): void {
  print('');
}

/** `1,234`. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1.2 ms`, `123 ms`, `1.2 s`; `never` for NaN. */
export function duration(ms: number): string {
  if (Number.isNaN(ms)) return 'never';
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

/** The value below which the share `p` of the samples lies (nearest rank); NaN if there are none. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

function paint(text: string, tone: Tone): string {
  const format = { title: 'bold', good: 'green', bad: 'red', faint: 'dim', plain: 'reset' } as const;
  return tone === 'plain' || text === '' ? text : styleText(format[tone], text, { stream: process.stdout });
}

function print(text: string): void {
  if (!muted) process.stdout.write(`${text}\n`);
}

function wrap(text: string, limit: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > limit) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
