import type { NodeAddress, RedisConfig, RedisSentinelConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import type { RawRedis } from './schema.ts';

const ADDRESS_FIELDS = ['url', 'host', 'port', 'socket_path'] as const;

/** Sentinels or a cluster, instead of one server; what is wrong is reported. */
export function resolveTopology(
  document: ConfigDocument,
  raw: RawRedis,
): Pick<RedisConfig, 'sentinel' | 'cluster'> {
  const named = (['sentinel', 'cluster'] as const).filter((name) => document.has(['redis', name]));
  const [first, second] = named;
  if (first === undefined) return {};
  const address = ADDRESS_FIELDS.find((name) => document.has(['redis', name]));
  const other = second ?? address;
  if (other !== undefined)
    document.report(['redis', first], `${first} and ${other} exclude each other`, 'remove one of the two', {
      key: true,
    });
  const sentinel = named.includes('sentinel') ? resolveSentinel(document, raw) : undefined;
  const cluster = named.includes('cluster')
    ? resolveNodes(document, ['redis', 'cluster'], raw.cluster, '6379')
    : undefined;
  if (cluster !== undefined && raw.db !== undefined && raw.db !== 0)
    document.report(['redis', 'db'], 'a cluster has the database 0 only', 'remove it');
  return {
    ...(sentinel === undefined ? {} : { sentinel }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

function resolveSentinel(document: ConfigDocument, { sentinel }: RawRedis): RedisSentinelConfig {
  const path = ['redis', 'sentinel'];
  const name = sentinel?.name;
  if (name === undefined && !document.has([...path, 'name'])) {
    const remedy = 'write what `sentinel monitor NAME ...` calls it';
    document.report([...path, 'name'], 'the master has no name', remedy);
  }
  const nodes = resolveNodes(document, [...path, 'nodes'], sentinel?.nodes, '26379');
  return {
    name: name ?? '',
    nodes,
    ...(sentinel?.username === undefined ? {} : { username: sentinel.username }),
    ...(sentinel?.password === undefined ? {} : { password: sentinel.password }),
  };
}

function resolveNodes(
  document: ConfigDocument,
  path: Path,
  nodes: readonly (NodeAddress | null)[] | undefined,
  port: string,
): readonly NodeAddress[] {
  const missing = nodes === undefined && !document.has(path);
  if (missing || nodes?.length === 0)
    document.report(path, 'no server is named', `list HOST:${port} of some, better of all`);
  const seen = new Set<string>();
  const known: NodeAddress[] = [];
  for (const [index, node] of (nodes ?? []).entries()) {
    if (node === null) continue;
    const address = `${node.host.toLowerCase()}:${node.port}`;
    if (seen.has(address))
      document.report([...path, index], 'the server stands twice in the list', 'remove one of the two');
    seen.add(address);
    known.push(node);
  }
  return known;
}
