import { describe, expect, it } from 'vitest';
import { loadText, problemsOf } from '../../test/support/config-text.ts';
import { formatProblem } from './errors.ts';

const withRedis = (section: string): string =>
  `client_id: shop\nsource: {url: "mysql://u@db"}\nredis: ${section}\nrules: [{table: a.b, key: "b:{id}"}]`;

describe('the place of Redis', () => {
  it('is the master that sentinels name', async () => {
    const { redis } = await loadText(
      withRedis(
        '{sentinel: {name: cache, nodes: ["s1:26379", "[::1]:26380"], username: s, password: ""}, password: r, db: 3}',
      ),
    );
    expect(redis.sentinel).toEqual({
      name: 'cache',
      nodes: [
        { host: 's1', port: 26_379 },
        { host: '::1', port: 26_380 },
      ],
      username: 's',
      password: '',
    });
    expect(redis).toMatchObject({ db: 3, password: 'r', host: 's1', port: 26_379 });
    expect(redis.cluster).toBeUndefined();
  });

  it('is a cluster, of which some nodes are named', async () => {
    const { redis } = await loadText(
      withRedis('{cluster: ["10.0.0.1:6379", "b:7000"], db: 0, wait_replicas: 2, failover_replay: 5m}'),
    );
    expect(redis.cluster).toEqual([
      { host: '10.0.0.1', port: 6_379 },
      { host: 'b', port: 7_000 },
    ]);
    expect(redis).toMatchObject({ waitReplicas: 2, failoverReplay: 300_000 });
    expect(redis.sentinel).toBeUndefined();
  });

  it.each([
    ['{url: "redis://a", cluster: ["a:1"]}', 'redis.cluster', 'cluster and url exclude each other'],
    ['{host: a, sentinel: {name: n, nodes: ["a:1"]}}', 'redis.sentinel', 'sentinel and host exclude'],
    ['{socket_path: /a, cluster: ["a:1"]}', 'redis.cluster', 'cluster and socket_path exclude'],
    [
      '{cluster: ["a:1"], sentinel: {name: n, nodes: ["a:1"]}}',
      'redis.sentinel',
      'sentinel and cluster exclude',
    ],
    ['{cluster: []}', 'redis.cluster', 'no server is named'],
    ['{cluster: ["a:1"], db: 1}', 'redis.db', 'a cluster has the database 0 only'],
    ['{cluster: ["a:1", "A:1"]}', 'redis.cluster[1]', 'twice'],
    ['{cluster: ["redis://a:1"]}', 'redis.cluster[0]', 'is not the address of a server'],
    ['{cluster: [a]}', 'redis.cluster[0]', 'HOST:PORT'],
    ['{cluster: ["a:0"]}', 'redis.cluster[0]', 'HOST:PORT'],
    ['{sentinel: {nodes: ["a:1"]}}', 'redis.sentinel.name', 'the master has no name'],
    ['{sentinel: {name: n}}', 'redis.sentinel.nodes', 'HOST:26379'],
    ['{sentinel:}', 'redis.sentinel.name', 'the master has no name'],
    ['{url: "redis://a", wait_replicas: 17}', 'redis.wait_replicas', 'from 0 to 16'],
  ])('%s is refused', async (section, field, text) => {
    const [problem] = await problemsOf(withRedis(section));
    expect(problem?.path).toBe(field);
    expect(problem === undefined ? '' : formatProblem(problem)).toContain(text);
    expect(problem?.remedy).toMatch(/\S/);
  });
});
