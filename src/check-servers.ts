import type { Config } from './config/config.ts';
import { openLookupClient, openRedis, openSourceClient } from './connections.ts';
import { tablesOf } from './explain/source.ts';
import type { Log } from './pipeline/ports.ts';
import { patterns, preflight, redisProblem } from './preconditions.ts';
import type { CheckReport } from './preconditions.ts';
import { checkRules } from './rule-check/check-rules.ts';

const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Looks at MySQL and Redis as a start would, and at what the rules do there, changing nothing.
 * @throws UnstaleError when MySQL cannot be asked.
 */
export async function checkServers(config: Config): Promise<CheckReport> {
  const client = openSourceClient(config);
  const lookups = openLookupClient(config);
  const redis = openRedis(config, silent);
  try {
    const [source, failure] = await Promise.all([
      preflight(config, client, silent),
      redisProblem(config, redis, silent),
    ]);
    const ofRules = await checkRules({
      plan: config.plan,
      server: source.server,
      source: client,
      lookups,
      interests: await tablesOf(config, client),
      patterns: patterns(config),
    });
    return { source: { ...source, problems: [...source.problems, ...ofRules] }, redis: failure };
  } finally {
    await Promise.all([client.close(), lookups.close(), redis.close()]);
  }
}
