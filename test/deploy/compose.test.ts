import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { findPromtool } from '../../scripts/servers/where.mjs';
import { loadText } from '../support/config-text.ts';
import { isInRepository, readRepository, repositoryPath } from '../support/repository.ts';

const text = await readRepository('docker-compose.yml');
const promtool = findPromtool();
const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  user: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).optional(),
  volumes: z.array(z.string()).optional(),
  tmpfs: z.array(z.string().startsWith('/')).optional(),
  ports: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()).min(2) }),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  restart: z.literal('unless-stopped'),
  stop_grace_period: z.string().optional(),
  mem_limit: z.string().optional(),
});
const { services, volumes } = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(text, { merge: true }));
const daemons = ['unstale-a', 'unstale-b'].flatMap((name) => services[name] ?? []);

describe('docker-compose.yml', () => {
  it('has two daemons with one configuration, beside their servers and what watches them', () => {
    expect(Object.keys(services).toSorted()).toEqual(
      ['grafana', 'mysql', 'prometheus', 'redis', 'unstale-a', 'unstale-b'].toSorted(),
    );
    const [one, other] = daemons.map((daemon) => ({ ...daemon, ports: [] }));
    expect(one).toEqual(other);
  });

  it('publishes to this machine only, each port once', () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    const outside = published.map((port) => port.split(':')[1]);
    expect(new Set(outside).size).toBe(outside.length);
  });

  it('mounts files that exist, for reading only, and volumes that it declares, each of them', () => {
    const mounts = Object.values(services).flatMap((one) => one.volumes ?? []);
    const used = new Set<string>();
    for (const mount of mounts) {
      const [source = '', target = '', mode] = mount.split(':');
      expect(target).toMatch(/^\//);
      if (source.startsWith('./')) expect([mount, isInRepository(source), mode]).toEqual([mount, true, 'ro']);
      else used.add(source);
    }
    expect([...used].toSorted()).toEqual(Object.keys(volumes).toSorted());
  });

  it('waits for services that it has', () => {
    for (const { depends_on: needs = {} } of Object.values(services))
      for (const name of Object.keys(needs)) expect(Object.keys(services)).toContain(name);
  });

  it('gives a default for each variable of the shell, so that it starts without any', () => {
    const variables = [...text.matchAll(/(?<!\$)\$\{?(\w+)(\S?)/g)].map(([whole]) => whole);
    expect(variables.length).toBeGreaterThan(0);
    for (const variable of variables) expect(variable).toMatch(/^\$\{\w+:$/);
  });

  it("runs config/demo.yaml, whose variables it sets, with the admin server's token", async () => {
    const [daemon] = daemons;
    const env = Object.fromEntries(
      Object.entries(daemon?.environment ?? {}).map(([name, value]) => [
        name,
        value.replace(/^\$\{\w+:-(.*)\}$/, '$1'),
      ]),
    );
    expect(daemon?.volumes).toEqual(['./config/demo.yaml:/etc/unstale/unstale.yaml:ro']);
    const config = await loadText(await readRepository('config/demo.yaml'), { env });
    expect(config.admin).toMatchObject({ host: '0.0.0.0', port: 9630 });
    expect(config.admin?.token?.length).toBeGreaterThanOrEqual(16);
    const grace = Number(/^(\d+)s$/.exec(daemon?.stop_grace_period ?? '')?.[1]) * 1000;
    expect(grace).toBeGreaterThan(config.shutdownTimeout);
  });
});

describe('deploy/prometheus/prometheus.yml', () => {
  it.skipIf(promtool === undefined)('is taken by Prometheus, with its rules', () => {
    const file = repositoryPath('deploy/prometheus/prometheus.yml');
    const { status, stdout, stderr } = spawnSync(promtool ?? '', ['check', 'config', file], {
      encoding: 'utf8',
    });
    expect({ status, said: stdout + stderr }).toMatchObject({ status: 0 });
  });

  it('scrapes each daemon, and loads rules that exist', async () => {
    const config = z
      .object({
        rule_files: z.array(z.string()),
        scrape_configs: z.array(
          z.object({ static_configs: z.array(z.object({ targets: z.array(z.string()) })) }),
        ),
      })
      .parse(parse(await readRepository('deploy/prometheus/prometheus.yml')));
    const targets = config.scrape_configs.flatMap((job) => job.static_configs.flatMap((one) => one.targets));
    expect(targets).toEqual(['unstale-a:9630', 'unstale-b:9630']);
    for (const file of config.rule_files)
      expect([file, isInRepository(`deploy/prometheus/${file}`)]).toEqual([file, true]);
  });
});

describe('deploy/grafana/provisioning', () => {
  it('has the data source that compose runs, and the folder that it mounts', async () => {
    const source = z
      .object({ datasources: z.tuple([z.object({ url: z.string(), uid: z.string() })]) })
      .parse(parse(await readRepository('deploy/grafana/provisioning/datasources/prometheus.yaml')));
    const { hostname, port } = new URL(source.datasources[0].url);
    expect(services[hostname]?.ports).toEqual([`127.0.0.1:${port}:${port}`]);
    const dashboards = z
      .object({ providers: z.tuple([z.object({ options: z.object({ path: z.string() }) })]) })
      .parse(parse(await readRepository('deploy/grafana/provisioning/dashboards/unstale.yaml')));
    const { path } = dashboards.providers[0].options;
    const mounts = services['grafana']?.volumes ?? [];
    expect(mounts.some((mount) => mount.split(':')[1]?.startsWith(`${path}/`))).toBe(true);
    expect(services['grafana']?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(
      mounts.map((mount) => mount.split(':')[1]).find((target) => target?.startsWith(`${path}/`)),
    );
  });
});
