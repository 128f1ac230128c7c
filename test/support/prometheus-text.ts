type Labels = Readonly<Record<string, string>>;

interface MetricSample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** The samples of one scrape. */
export interface Metrics {
  readonly samples: readonly MetricSample[];
  /** The sum over all samples of the name that carry at least these labels; 0 if there is none. */
  sum(name: string, labels?: Labels): number;
  has(name: string): boolean;
}

/** Parses the Prometheus text format, as far as prom-client writes it. */
export function parseMetrics(text: string): Metrics {
  const samples: MetricSample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null) continue;
    const [, name = '', labelText = '', value = ''] = match;
    const labels = Object.fromEntries(
      [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', raw = '']) => [
        key,
        unescape(raw),
      ]),
    );
    samples.push({ name, labels, value: parseValue(value) });
  }
  return {
    samples,
    sum: (name, labels = {}) =>
      samples
        .filter((sample) => sample.name === name && carries(sample.labels, labels))
        .reduce((sum, sample) => sum + sample.value, 0),
    has: (name) => samples.some((sample) => sample.name === name),
  };
}

function carries(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function parseValue(text: string): number {
  return Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'));
}

function unescape(raw: string): string {
  return raw.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
