import type { Rule } from '../mapping/rule.ts';
import type { LookupsConfig, MysqlConnectionConfig, SourceConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';

/**
 * Reports lookups on a server that the barrier does not ask: it may answer from before the change, and what it leaves
 * out is never deleted. Nothing is promised without a barrier, so that `none` is fine.
 */
export function requireLookupsBehindBarrier(
  document: ConfigDocument,
  { barrier, connection }: SourceConfig,
  lookups: LookupsConfig,
  rules: readonly Rule[],
): void {
  if (barrier === 'none' || !rules.some((rule) => rule.kind === 'table' && rule.lookup !== undefined)) return;
  const asked = barrier === 'source' ? [connection] : barrier;
  const server = addressOf(lookups.connection);
  if (asked.some((other) => addressOf(other) === server)) return;
  document.report(
    document.has(['lookups']) ? ['lookups'] : ['source', 'barrier'],
    'the queries of rules run on a server that may not have the change yet',
    'list the server of the queries in source.barrier, spelled alike, beside those that the application reads',
    { key: true },
  );
}

function addressOf({ host, port, socketPath }: MysqlConnectionConfig): string {
  return socketPath ?? `${host.toLowerCase()}:${port}`;
}
