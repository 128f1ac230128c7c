import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findPromtool } from '../../scripts/servers/where.mjs';
import { createMetrics } from '../../src/observability/metrics.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

/** Metrics of Prometheus itself. */
const NOT_OURS = new Set(['up']);

const directory = new URL('../../deploy/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, directory), 'utf8');
const rules = parse(await read('prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] };
const alerts = rules.groups.flatMap(({ rules: ofGroup }) => ofGroup);
const dashboard = JSON.parse(await read('grafana/unstale.json')) as {
  panels: Panel[];
  templating: { list: { name: string }[] };
};
const tests = await read('prometheus/alerts.test.yml');
const runbook = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

const exposed = new Set(
  createMetrics({ clientId: 'shop' })
    .registry.getMetricsAsArray()
    .flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
);

/** Names of metrics in an expression: what begins with a prefix of ours, or stands in front of a selector. */
function metricsIn(expr: string): string[] {
  const found = expr.matchAll(/\b((?:unstale|process|nodejs)_[a-z0-9_]+|[a-z_]+(?=\{))/g);
  return [...found].map(([, name = '']) => name).filter((name) => !NOT_OURS.has(name));
}

const known = (name: string): boolean => exposed.has(name);

describe('the alert rules', () => {
  it.each(alerts)('$alert ask only for metrics that the daemon has', ({ expr }) => {
    const names = metricsIn(expr);
    expect(names.length + Number(expr.startsWith('up'))).toBeGreaterThan(0);
    expect(names.filter((name) => !known(name))).toEqual([]);
  });

  it.each(alerts)('$alert say how urgent it is, what is wrong, and where it says what to do', (alert) => {
    const { alert: name, labels, annotations } = alert;
    const anchor = `docs/operations.md#alert-${name.toLowerCase()}`;
    expect(['page', 'ticket']).toContain(labels['severity']);
    expect(annotations['summary']).toMatch(/^\S.*[^.]$/);
    expect(annotations['description']).toContain(`What to do: ${anchor}`);
    const section = new RegExp(`^#### Alert ${name}\\n([\\s\\S]*?)(?=^#)`, 'm').exec(runbook)?.[1] ?? '';
    for (const part of ['Meaning', 'Decision', 'Command']) expect(section).toContain(`- **${part}:** `);
    expect(tests).toContain(name);
  });

  it('have a section in the runbook each, and no section is about one that is not there', () => {
    const sections = [...runbook.matchAll(/^#### Alert (\w+)$/gm)].map(([, name]) => name);
    expect(new Set(sections)).toEqual(new Set(alerts.map(({ alert }) => alert)));
    expect(sections).toHaveLength(alerts.length);
  });

  const promtool = findPromtool();
  it.skipIf(promtool === undefined && process.env['CI'] !== 'true')(
    'fire when they should, and only then',
    async () => {
      if (promtool === undefined) throw new Error('promtool is not installed; run: node scripts/setup.mjs');
      const cwd = fileURLToPath(new URL('prometheus/', directory));
      const run = promisify(execFile);
      await run(promtool, ['check', 'rules', 'alerts.yml'], { cwd });
      const { stdout } = await run(promtool, ['test', 'rules', 'alerts.test.yml'], { cwd });
      expect(stdout).toContain('SUCCESS');
    },
  );
});

describe('the dashboard', () => {
  const { panels } = dashboard;
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  it('asks only for metrics that the daemon has, of the chosen daemons', () => {
    expect(expressions.length).toBeGreaterThan(20);
    for (const expr of expressions) {
      expect(metricsIn(expr).filter((name) => !known(name))).toEqual([]);
      expect(expr).toContain('client_id=~"$client_id"');
    }
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'client_id']);
  });

  it('shows every metric of the daemon that is not about its process', () => {
    const text = expressions.join('\n');
    const own = createMetrics({ clientId: 'shop' }).registry.getMetricsAsArray();
    const missing = own
      .map(({ name }) => name)
      .filter((name) => name.startsWith('unstale_') && !text.includes(name));
    expect(missing).toEqual([]);
  });

  it('has no panel that covers another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)}:${y + Math.floor(at / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});
