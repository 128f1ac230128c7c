import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import * as z from 'zod';
import type { Config } from '../../src/config/config.ts';
import { loadText } from '../support/config-text.ts';
import { isInRepository, readRepository, repositoryFiles, repositoryPath } from '../support/repository.ts';

const FOLDER = 'deploy/kubernetes';
const hasKubectl = spawnSync('kubectl', ['version', '--client'], { stdio: 'ignore' }).status === 0;
const strings = z.record(z.string(), z.string());
const selector = z.strictObject({ matchLabels: strings });

const resource = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z
    .strictObject({ name: z.string(), namespace: z.string().optional(), labels: strings.optional() })
    .optional(),
});

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.string() }),
  periodSeconds: z.number(),
  timeoutSeconds: z.number(),
  failureThreshold: z.number(),
});

const deployment = z.object({
  spec: z.object({
    replicas: z.number(),
    selector,
    strategy: z.object({
      rollingUpdate: z.strictObject({ maxUnavailable: z.literal(0), maxSurge: z.literal(1) }),
    }),
    template: z.object({
      metadata: z.object({ labels: strings }),
      spec: z.strictObject({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.literal(false),
        enableServiceLinks: z.literal(false),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.strictObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.number(),
          runAsGroup: z.number(),
          fsGroup: z.number(),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        topologySpreadConstraints: z.array(z.object({ topologyKey: z.string(), labelSelector: selector })),
        containers: z.tuple([
          z.strictObject({
            name: z.string(),
            image: z.string(),
            imagePullPolicy: z.string(),
            args: z.array(z.string()),
            env: z.array(
              z.strictObject({
                name: z.string(),
                valueFrom: z.strictObject({
                  secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }),
                }),
              }),
            ),
            ports: z.array(z.strictObject({ name: z.string(), containerPort: z.number() })),
            startupProbe: probe,
            livenessProbe: probe,
            readinessProbe: probe,
            resources: z.strictObject({
              requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
              limits: z.strictObject({ memory: z.string() }),
            }),
            securityContext: z.strictObject({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
            }),
            volumeMounts: z.array(
              z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true) }),
            ),
          }),
        ]),
        volumes: z.array(
          z.strictObject({
            name: z.string(),
            projected: z.strictObject({
              defaultMode: z.number(),
              sources: z.array(
                z.record(
                  z.enum(['configMap', 'secret']),
                  z
                    .strictObject({
                      name: z.string(),
                      items: z.array(z.strictObject({ key: z.string(), path: z.string() })),
                    })
                    .optional(),
                ),
              ),
            }),
          }),
        ),
      }),
    }),
  }),
});

const kustomization = z.object({
  namespace: z.string(),
  resources: z.array(z.string()),
  configMapGenerator: z.tuple([z.strictObject({ name: z.string(), files: z.tuple([z.string()]) })]),
  images: z.tuple([z.strictObject({ name: z.string(), newTag: z.string() })]),
});

async function yaml<T>(name: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse(parse(await readRepository(`${FOLDER}/${name}`)));
}

const secret = await yaml(
  'secret.example.yaml',
  z.object({ metadata: z.object({ name: z.string() }), stringData: strings }),
);
const kustomize = await yaml('kustomization.yaml', kustomization);
const { spec } = await yaml('deployment.yaml', deployment);
const pod = spec.template.spec;
const [container] = pod.containers;
const service = await yaml(
  'service.yaml',
  z.object({
    metadata: z.object({ labels: strings }),
    spec: z.object({
      selector: strings,
      publishNotReadyAddresses: z.literal(true),
      ports: z.tuple([z.strictObject({ name: z.string(), port: z.number(), targetPort: z.string() })]),
    }),
  }),
);
const sources = pod.volumes.flatMap((volume) => volume.projected.sources);
const secretItems = sources.flatMap((source) => source.secret ?? []);
const configMaps = sources.flatMap((source) => source.configMap ?? []);

/** Whether the selector selects the pods of the Deployment. */
const selectsPods = (labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(labels).length > 0 &&
  Object.entries(labels).every(([name, value]) => spec.template.metadata.labels[name] === value);

let config: Config;
beforeAll(async () => {
  const text = await readRepository(`${FOLDER}/${kustomize.configMapGenerator[0].files[0]}`);
  const items = secretItems.flatMap((one) => one.items);
  const files = Object.fromEntries(items.map(({ key, path }) => [path, secret.stringData[key] ?? '']));
  const env = Object.fromEntries(
    container.env.map(({ name, valueFrom }) => [name, secret.stringData[valueFrom.secretKeyRef.key] ?? '']),
  );
  config = await loadText(text, { files, env });
});

describe('deploy/kubernetes', () => {
  it.each(repositoryFiles(`${FOLDER}/**/*.yaml`))(
    '%s is one YAML document without duplicates',
    async (name) => {
      const [document, ...more] = parseAllDocuments(await readRepository(name), { uniqueKeys: true });
      expect(more).toEqual([]);
      expect(document).toMatchObject({ errors: [], warnings: [] });
      // The daemon's own configuration is no resource.
      if (!name.endsWith('/unstale.yaml'))
        resource.parse(document !== undefined && 'toJS' in document ? document.toJS() : null);
    },
  );

  it('lists every resource but the example of the Secret', () => {
    const present = repositoryFiles(`${FOLDER}/*.yaml`).map((name) => name.slice(FOLDER.length + 1));
    const others = ['kustomization.yaml', 'secret.example.yaml', kustomize.configMapGenerator[0].files[0]];
    expect(kustomize.resources.toSorted()).toEqual(
      present.filter((name) => !others.includes(name)).toSorted(),
    );
    expect(isInRepository(`${FOLDER}/monitoring/kustomization.yaml`)).toBe(true);
  });

  it('gives the example of the Secret no place where it would be applied', () => {
    expect(kustomize.resources).not.toContain('secret.example.yaml');
    for (const value of Object.values(secret.stringData)) expect(value).toMatch(/^change-me/);
  });

  it('has the names that the Deployment refers to', async () => {
    const [image] = kustomize.images;
    expect(container.image).toBe(image.name);
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readRepository('package.json')));
    expect(image.newTag).toBe(version);
    const account = await yaml('service-account.yaml', resource);
    expect(account.metadata?.name).toBe(pod.serviceAccountName);
    const namespace = await yaml('namespace.yaml', resource);
    expect(namespace.metadata?.name).toBe(kustomize.namespace);
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
    expect(configMaps.map(({ name }) => name)).toEqual([kustomize.configMapGenerator[0].name]);
    const keys = configMaps.flatMap(({ items }) => items.map(({ key }) => key));
    expect(keys).toEqual([...kustomize.configMapGenerator[0].files]);
    const wanted = [
      ...secretItems.flatMap(({ name, items }) => items.map(({ key }) => ({ name, key }))),
      ...container.env.map(({ valueFrom }) => valueFrom.secretKeyRef),
    ];
    for (const { name, key } of wanted) {
      expect(name).toBe(secret.metadata.name);
      expect(Object.keys(secret.stringData)).toContain(key);
    }
    expect(wanted.map(({ key }) => key).toSorted()).toEqual(Object.keys(secret.stringData).toSorted());
  });

  it.skipIf(!hasKubectl)('is put together by kubectl, with one name for the configuration', () => {
    const { stdout } = spawnSync('kubectl', ['kustomize', repositoryPath(FOLDER)], { encoding: 'utf8' });
    const made = parseAllDocuments(stdout).map((document) => resource.parse(document.toJS()));
    const kinds = made.map(({ kind }) => kind);
    expect(kinds).toHaveLength(kustomize.resources.length + 1);
    const configMap = made.find(({ kind }) => kind === 'ConfigMap')?.metadata?.name ?? '';
    expect(configMap).toMatch(/^unstale-\w+$/);
    const deployment = made.find(({ kind }) => kind === 'Deployment');
    expect(JSON.stringify(deployment)).toContain(
      `"configMap":{"items":[{"key":"unstale.yaml","path":"unstale.yaml"}],"name":"${configMap}"}`,
    );
    for (const { kind, metadata } of made.filter(({ kind }) => kind !== 'Namespace'))
      expect([kind, metadata?.namespace]).toEqual([kind, kustomize.namespace]);
  });

  it('selects the pods wherever it selects', async () => {
    const budget = await yaml(
      'disruption-budget.yaml',
      z.object({ spec: z.object({ selector, maxUnavailable: z.literal(1) }) }),
    );
    const policy = await yaml('network-policy.yaml', z.object({ spec: z.object({ podSelector: selector }) }));
    const monitor = await yaml(
      'monitoring/service-monitor.yaml',
      z.object({
        spec: z.object({
          selector,
          endpoints: z.array(z.object({ port: z.string(), path: z.literal('/metrics') })),
        }),
      }),
    );
    for (const labels of [
      spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
      policy.spec.podSelector.matchLabels,
      ...pod.topologySpreadConstraints.map((one) => one.labelSelector.matchLabels),
    ])
      expect([labels, selectsPods(labels)]).toEqual([labels, true]);
    expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(monitor.spec.endpoints.map(({ port }) => port)).toEqual([service.spec.ports[0].name]);
  });

  it('has more than one daemon, with one client_id', () => {
    expect(spec.replicas).toBeGreaterThan(1);
    expect(config.clientId).toBe('shop');
  });

  it('asks for health on the port on which the configuration listens', async () => {
    expect(config.admin).toMatchObject({ host: '0.0.0.0' });
    const [port] = container.ports;
    expect(port?.containerPort).toBe(config.admin?.port);
    expect([container.startupProbe, container.livenessProbe].map((one) => one.httpGet.path)).toEqual([
      '/livez',
      '/livez',
    ]);
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    for (const one of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      expect(one.httpGet.port).toBe(port?.name);
    expect(service.spec.ports[0]).toEqual({
      name: port?.name,
      port: port?.containerPort,
      targetPort: port?.name,
    });
    const policy = await readRepository(`${FOLDER}/network-policy.yaml`);
    expect(policy).toContain(`port: ${port?.name} `);
  });

  it('lets out to the ports of the configuration', async () => {
    const policy = await yaml(
      'network-policy.yaml',
      z.object({
        spec: z.object({
          egress: z.array(z.object({ ports: z.array(z.object({ port: z.number() })) })),
        }),
      }),
    );
    const open = policy.spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    const text = await readRepository(`${FOLDER}/unstale.yaml`);
    const used = [...text.matchAll(/:\/\/[^\s/]+:(\d+)/g)].map(([, port]) => Number(port));
    expect(used).toHaveLength(2);
    expect(open).toEqual([53, 53, ...used]);
  });

  it('has a configuration that loads with the mounted files, where the daemon looks for it', () => {
    expect(config.source.connection.password).toBe(secret.stringData['mysql-password']);
    expect(config.admin?.token).toBe(secret.stringData['admin-token']);
    const [mount] = container.volumeMounts;
    expect(container.args).toEqual(['run', '-c', `${mount?.mountPath}/${configMaps[0]?.items[0]?.path}`]);
  });

  it('waits for longer than a stop may take', () => {
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(config.shutdownTimeout);
  });

  it('runs as the user of the image, who can read what is mounted and nobody else can', async () => {
    expect(await readRepository('Dockerfile')).toContain(
      `\nUSER ${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}\n`,
    );
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsGroup);
    for (const volume of pod.volumes) expect(volume.projected.defaultMode).toBe(0o440);
  });
});
