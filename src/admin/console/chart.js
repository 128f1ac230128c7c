import { create, createSvg, setText } from './dom.js';
import { formatTime } from './format.js';
import { minutesShown } from './scale.js';

/** @typedef {import('./data.d.ts').Sample} Sample */

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {'a' | 'b'} tone
 * @property {boolean} [filled]
 * @property {(sample: Sample) => number | null} read
 */

/**
 * @typedef {object} ChartOptions
 * @property {string} name for people who do not see it
 * @property {readonly Series[]} series
 * @property {(value: number) => string} format
 * @property {(most: number) => import('./scale.js').Scale} scale
 */

const HEIGHT = 168;
const EDGE = { top: 8, right: 8, bottom: 20, left: 52 };
/** Without a sample for so many intervals, the daemon was away. */
const HOLE = 3;

/** Lines over the last quarter of an hour, or less while less is known, in an element that gives the width. */
export class Chart {
  #options;
  #svg;
  #root;
  /** @type {readonly Sample[]} */
  #samples = [];
  #now = 0;
  #interval = 1000;
  /** @type {Map<Series, Element>} */
  #values = new Map();
  #time;
  /** @type {number | undefined} */
  #pointed;

  /**
   * @param {Element} root
   * @param {ChartOptions} options
   */
  constructor(root, options) {
    this.#options = options;
    this.#root = root;
    this.#svg = createSvg('svg', { role: 'img', height: HEIGHT });
    this.#time = create('span', { class: 'legend-time' });
    const legend = create('div', { class: 'legend', 'aria-hidden': 'true' });
    for (const series of options.series) {
      const value = create('b', {});
      this.#values.set(series, value);
      legend.append(create('span', { class: `key-${series.tone}` }, `${series.label} `, value));
    }
    legend.append(this.#time);
    root.replaceChildren(legend, this.#svg);
    new ResizeObserver(() => this.#draw()).observe(root);
    root.addEventListener('pointermove', (event) => {
      if (event instanceof PointerEvent) this.#point(event.clientX - this.#svg.getBoundingClientRect().left);
    });
    root.addEventListener('pointerleave', () => this.#point(undefined));
  }

  /**
   * @param {readonly Sample[]} samples the oldest first
   * @param {number} now ms since the epoch
   * @param {number} interval between two samples, ms
   */
  update(samples, now, interval) {
    this.#samples = samples;
    this.#now = now;
    this.#interval = interval;
    this.#draw();
  }

  /** @param {number | undefined} x */
  #point(x) {
    this.#pointed = x;
    this.#draw();
  }

  #draw() {
    const width = Math.floor(this.#root.clientWidth);
    if (width < 80) return;
    const { series, format, scale, name } = this.#options;
    const values = series.flatMap(({ read }) => this.#samples.flatMap((sample) => read(sample) ?? []));
    const { marks, height } = scale(Math.max(0, ...values));
    const inner = width - EDGE.left - EDGE.right;
    const minutes = this.#minutes;
    const x = (/** @type {number} */ at) => EDGE.left + inner * (1 - (this.#now - at) / (minutes * 60_000));
    const y = (/** @type {number} */ value) =>
      EDGE.top + (HEIGHT - EDGE.top - EDGE.bottom) * (1 - height(value));

    const parts = [...this.#bands(x), ...valueAxis(width, marks, format, y), ...timeAxis(width, minutes)];
    for (const one of series) parts.push(...this.#line(one, x, y));
    const shown = this.#nearest(x);
    if (shown !== undefined && this.#pointed !== undefined) {
      const at = x(shown.at);
      parts.push(
        createSvg('line', { class: 'cursor', x1: at, x2: at, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      );
    }
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    this.#svg.setAttribute('width', String(width));
    this.#svg.setAttribute('aria-label', this.#inWords(name, format));
    this.#svg.replaceChildren(...parts);
    for (const [one, element] of this.#values) setText(element, asText(shown && one.read(shown), format));
    setText(
      this.#time,
      shown === undefined || this.#pointed === undefined ? '' : `at ${formatTime(shown.at)}`,
    );
  }

  get #minutes() {
    return minutesShown(this.#now - (this.#samples[0]?.at ?? this.#now));
  }

  /** @param {(at: number) => number} x */
  #nearest(x) {
    const pointed = this.#pointed;
    if (pointed === undefined) return this.#samples.at(-1);
    const distance = (/** @type {Sample} */ { at }) => Math.abs(x(at) - pointed);
    return this.#samples.toSorted((one, other) => distance(one) - distance(other))[0];
  }

  /**
   * Times in which it was not ready.
   *
   * @param {(at: number) => number} x
   */
  #bands(x) {
    return this.#samples
      .filter(({ ready }) => !ready)
      .map(({ at }) => {
        const from = Math.max(EDGE.left, x(at - this.#interval));
        const width = Math.max(0, x(at) - from);
        return createSvg('rect', {
          class: 'band',
          x: from,
          y: EDGE.top,
          width,
          height: HEIGHT - EDGE.top - EDGE.bottom,
        });
      });
  }

  /**
   * @param {Series} series
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #line({ read, tone, filled }, x, y) {
    /** @type {[number, number][][]} */
    const runs = [];
    let last = Number.NEGATIVE_INFINITY;
    for (const sample of this.#samples) {
      const value = read(sample);
      if (value === null || x(sample.at) < EDGE.left) continue;
      if (sample.at - last > HOLE * this.#interval) runs.push([]);
      runs.at(-1)?.push([x(sample.at), y(value)]);
      last = sample.at;
    }
    return runs.flatMap((run) => {
      const path = run
        .map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${px.toFixed(1)} ${py.toFixed(1)}`)
        .join('');
      const [first, end] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0];
      const base = HEIGHT - EDGE.bottom;
      const line = createSvg('path', { class: `line-${tone}`, d: run.length === 1 ? `${path}h1.5` : path });
      if (filled !== true) return [line];
      const area = `${path}L${end.toFixed(1)} ${base}L${first.toFixed(1)} ${base}Z`;
      return [createSvg('path', { class: `area-${tone}`, d: area }), line];
    });
  }

  /**
   * @param {string} name
   * @param {(value: number) => string} format
   */
  #inWords(name, format) {
    const parts = this.#options.series.map(({ label, read }) => {
      const values = this.#samples.flatMap((sample) => read(sample) ?? []);
      const newest = values.at(-1);
      if (newest === undefined) return `${label}: nothing yet`;
      return `${label}: last ${format(newest)}, most ${format(Math.max(...values))}`;
    });
    return `${name} in the last ${this.#minutes} minutes. ${parts.join('; ')}.`;
  }
}

/**
 * @param {number} width
 * @param {readonly number[]} marks
 * @param {(value: number) => string} format
 * @param {(value: number) => number} y
 */
function valueAxis(width, marks, format, y) {
  const parts = [];
  for (const value of marks) {
    const at = Math.round(y(value)) + 0.5;
    parts.push(
      createSvg('line', { class: 'grid-line', x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at }),
    );
    parts.push(
      createSvg(
        'text',
        { class: 'tick', x: EDGE.left - 6, y: at + 3.5, 'text-anchor': 'end' },
        format(value),
      ),
    );
  }
  return parts;
}

/**
 * @param {number} width
 * @param {number} minutes from the left to the right
 */
function timeAxis(width, minutes) {
  const inner = width - EDGE.left - EDGE.right;
  return [0, 1, 2, 3].map((third) => {
    const anchor = third === 0 ? 'start' : third === 3 ? 'end' : 'middle';
    const label = third === 3 ? 'now' : `−${(minutes * (3 - third)) / 3} min`;
    const at = EDGE.left + (inner * third) / 3;
    return createSvg('text', { class: 'tick', x: at, y: HEIGHT - 5, 'text-anchor': anchor }, label);
  });
}

/**
 * @param {number | null | undefined} value
 * @param {(value: number) => string} format
 */
function asText(value, format) {
  return value === null || value === undefined ? '–' : format(value);
}
